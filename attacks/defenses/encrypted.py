"""Answers that a server computes on encrypted records, which it cannot read: the same answers, in another way."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from attacks.defenses.owner import Owner
from attacks.errors import AttackError
from attacks.models.squares import Square
from attacks.models.training import Recipe

# Bits of the outer primes, and of each level between them, which is the scale: one level for every multiplication in a row.
ENDS, LEVEL = 50, 38
# The most bits that all primes together may have at each degree of the polynomials, for 128 bits of security
# (Albrecht et al. 2018, Homomorphic Encryption Security Standard, Table 1). Half as many records as the degree fill a ciphertext.
MOST_BITS = {8192: 218, 16384: 438, 32768: 881}


def compute(x: Tensor, owner: Owner) -> Tensor:
    """Return log-probabilities that were computed on encrypted records x (n, ...), float64 (n, classes).

    CKKS (Cheon et al. 2017) by TenSEAL (Benaissa et al. 2021). Each feature of a batch of records is one ciphertext, as in
    CryptoNets (Gilad-Bachrach et al. 2016, Section 3), whose networks of sums, products and squares these are. Who asks has
    the secret key, encrypts and decrypts; the server sees ciphertexts and the public context. Encryption draws afresh what
    it hides by and is exact to about 1e-4 of a logit, so the last digits differ from one time to the next.
    Raises AttackError for another network, and where TenSEAL is not installed.
    """
    recipe = owner.model.recipe
    compute_suits(recipe)
    layers = _layers(recipe.restored(owner.model.parameters()))
    degree, bits = _size(layers)
    tenseal = _tenseal()
    client = tenseal.context(tenseal.SCHEME_TYPE.CKKS, poly_modulus_degree=degree, coeff_mod_bit_sizes=bits)
    client.global_scale = 2.0**LEVEL
    server = tenseal.context_from(client.serialize(save_secret_key=False))
    found = [torch.empty(0, recipe.classes, dtype=torch.float64)]
    for records in x.split(degree // 2) if len(x) else ():
        # One row of features a record, in a batch of records.
        sent = tenseal.ckks_tensor(client, records.double().flatten(1).unsqueeze(1).tolist(), batch=True).serialize()
        answer = _served(tenseal, server, sent, layers)
        logits = tenseal.ckks_tensor_from(client, answer).decrypt().tolist()
        found.append(torch.tensor(logits, dtype=torch.float64).squeeze(1))
    return torch.cat(found).log_softmax(dim=-1)


def compute_suits(recipe: Recipe) -> None:
    """Raise AttackError if a network of this recipe cannot compute on encrypted values, or TenSEAL is not there."""
    _size(_layers(recipe.build()))
    _tenseal()


def _served(tenseal: ModuleType, context: Any, sent: bytes, layers: list[nn.Linear | Square]) -> bytes:
    """Return what the server answers: encrypted logits, by its own weights and a context without the secret key."""
    values = tenseal.ckks_tensor_from(context, sent)
    for layer in layers:
        if isinstance(layer, Square):
            values = values.square()
        else:
            values = values.mm(layer.weight.detach().double().T.tolist()) + layer.bias.detach().double().unsqueeze(0).tolist()
    answer: bytes = values.serialize()
    return answer


def _layers(network: nn.Module) -> list[nn.Linear | Square]:
    """Return the layers of a perceptron of sums, products and squares; raise AttackError for any other network."""
    found = list[nn.Linear | Square]()
    for part in network if isinstance(network, nn.Sequential) else [network]:
        if isinstance(part, nn.Linear | Square):
            found.append(part)
        elif not isinstance(part, nn.Flatten):
            raise AttackError(
                f"encrypted values can be added and multiplied, and {type(part).__name__} is no such thing; the network is to be "
                "of linear layers and squares (architecture attacks.models.squares:network)"
            )
    return found


def _size(layers: list[nn.Linear | Square]) -> tuple[int, list[int]]:
    """Return the degree of the polynomials and the bits of their primes, for one level a layer."""
    bits = [ENDS, *[LEVEL] * len(layers), ENDS]
    fitting = [degree for degree, most in MOST_BITS.items() if sum(bits) <= most]
    if not fitting:
        raise AttackError(f"{len(layers)} multiplications in a row are more than encryption can follow here")
    return fitting[0], bits


def _tenseal() -> ModuleType:
    try:
        import tenseal
    except ImportError as error:
        raise AttackError("encrypted answers are computed by TenSEAL: pip install 'mia-atlas[encryption]'") from error
    found: ModuleType = tenseal
    return found
