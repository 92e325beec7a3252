"""Targets on which `make test` measures; what the other targets show is run by `make test-all`."""

FAST_TARGETS = {
    "digits-updated",
    "digits-updated-null",
    "digits-federated-gradients",
    "digits-federated-gradients-null",
}
