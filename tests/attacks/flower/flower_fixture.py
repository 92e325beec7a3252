"""A grid of Flower in one process. Import it only where `flwr` is installed."""

from __future__ import annotations

import threading

from flwr.app import Context, RecordDict
from flwr.serverapp import Grid

ADVERSARY, RUN = 2, 41


class OneProcess(Grid):
    """Hands every message to the app of its node, in this process."""

    def __init__(self, app, configs):
        self.app, self.lock = app, threading.Lock()
        self.contexts = {100 + k: Context(RUN, 100 + k, config, RecordDict(), {"adversary": ADVERSARY}) for k, config in configs}

    def set_run(self, run):
        raise NotImplementedError

    @property
    def run(self):
        return type("Run", (), {"run_id": RUN})

    def create_message(self, *_, **__):
        raise NotImplementedError

    def get_node_ids(self):
        return list(self.contexts)

    def push_messages(self, messages):
        raise NotImplementedError

    def pull_messages(self, message_ids):
        raise NotImplementedError

    def send_and_receive(self, messages, *, timeout=None):
        # A legacy server asks from several threads, which would share torch's random numbers.
        with self.lock:
            return self._answers(messages)

    def _answers(self, messages):
        return [self.app(message, self.contexts[message.metadata.dst_node_id]) for message in messages]
