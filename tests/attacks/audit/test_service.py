"""`kind: http`: what a service answers, what is asked and counted, and what breaks down in between."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest
from inference_server import Reply, scores, tensor

from attacks.audit.kinds.pace import Pace
from attacks.audit.kinds.retrying import PATIENT, seconds_of
from attacks.audit.kinds.service import Address, Service
from taxonomy.findings import InputError

ROWS = np.random.default_rng(0).normal(size=(10, 4))


# -- answers -----------------------------------------------------------------------------------------------------------


def test_scores_come_in_order_and_no_record_is_asked_twice(server, ask):
    rows = np.concatenate([ROWS, ROWS[3:5], ROWS[:1]])
    found = ask()(rows)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, scores(rows))
    assert sorted(server.asked) == sorted(map(tuple, ROWS)) and ask().spent == 10
    assert [len(body["inputs"][0]["data"]) for body in server.requests] == [16, 16, 8]
    np.testing.assert_array_equal(ask()(rows[::-1]), scores(rows[::-1]))
    assert len(server.asked) == 10


def test_kept_answers_need_a_service_that_says_which_model_it_has(server, ask):
    ask()(ROWS)
    server.metadata["versions"] = ["2"]
    server.version = "2"
    ask()(ROWS)
    assert len(server.asked) == 20 and ask().spent == 20


@pytest.mark.parametrize(
    ("outputs", "wanted"),
    [
        (tensor("label", [7, 2**62, -1], "INT64"), np.array([7, 2**62, -1])),
        (tensor("label", [[1], [0], [1]], "UINT8"), np.array([1, 0, 1])),
        (tensor("label", [True, False, True], "BOOL"), np.array([1, 0, 1])),
        (tensor("label", ["no", "", "yés"], "BYTES"), np.array(["no", "", "yés"])),
        (tensor("score", [0.5, 0.25, 1.0], "FP32"), np.array([[0.5], [0.25], [1.0]])),
        (tensor("score", np.round(scores(ROWS[:3]), 2)), np.round(scores(ROWS[:3]), 2)),
        (
            {"name": "score", "datatype": "FP64", "shape": [3, 2], "data": [[0, 1], [0.5, 0.5], [1, 0]]},
            np.array([[0, 1], [0.5, 0.5], [1, 0]]),
        ),
        ({"name": "log", "datatype": "FP64", "shape": [3, 1], "data": [-np.inf, 0, -1]}, np.array([[-np.inf], [0], [-1]])),
    ],
    ids=["labels", "column of labels", "booleans", "texts", "one score", "rounded", "nested", "logarithms"],
)
def test_what_may_be_answered(server, ask, outputs, wanted):
    server.outputs = lambda rows: [outputs]
    first, again = ask()(ROWS[:3]), ask()(ROWS[:3])
    for found in (first, again):
        assert found.dtype.kind == wanted.dtype.kind
        np.testing.assert_array_equal(found, wanted)
    assert len(server.asked) == 3


def test_input_output_and_datatype_come_from_metadata_or_from_the_user(server, ask):
    server.metadata |= {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [{"name": "label", "datatype": "INT64", "shape": [-1]}, {"name": "p", "datatype": "FP64", "shape": [-1, 3]}],
    }
    server.outputs = lambda rows: [tensor("p", scores(rows)), tensor("label", np.arange(len(rows)), "INT64")]
    with pytest.raises(InputError, match=r"the model has 2 outputs; name one as `output` \(known: label, p\)"):
        ask()(ROWS)
    with pytest.raises(InputError, match="unknown output 'labels': did you mean label"):
        ask(output="labels")(ROWS)
    with pytest.raises(InputError, match=r"a record is of shape \[3\], and input 'x' of the model takes \[4\]"):
        ask(output="p")(ROWS[:, :3])
    assert server.requests == []
    np.testing.assert_array_equal(ask(output="p")(ROWS), scores(ROWS.astype(np.float32).astype(np.float64)))
    assert ask(output="label")(ROWS[:2]).tolist() == [0, 1]
    said = server.requests[0]
    assert (said["inputs"][0]["name"], said["inputs"][0]["datatype"], said["outputs"]) == ("x", "FP32", [{"name": "p"}])
    assert ask(output="p").metadata() == {
        "name": "forest",
        "versions": ["1"],
        "platform": "sklearn",
        "version": "",
        "input": "x",
        "output": "p",
        "datatype": "FP32",
    }


def test_texts_and_whole_numbers_are_records_too(server, ask):
    server.outputs = lambda rows: [tensor("label", np.arange(len(rows)), "INT64")]
    ask(datatype="BYTES")(np.array([["a", "bc"], ["d", "e"]]))
    ask(datatype="BYTES")(np.array([["a", "bc"], ["longer", "e"]]))
    assert server.asked == [("a", "bc"), ("d", "e"), ("longer", "e")]
    ask(datatype="INT64")(np.array([[2**62, 1.0]]))
    assert server.requests[-1]["inputs"][0]["data"] == [2**62, 1]


def test_asked_anew_a_noisy_service_shows_its_noise(server, ask):
    before = ask()(ROWS)
    server.outputs = lambda rows: [tensor("p", scores(rows) + 1)]
    np.testing.assert_array_equal(ask().anew(ROWS), before + 1)
    np.testing.assert_array_equal(ask()(ROWS), before)
    assert ask().spent == 20


# -- the budget --------------------------------------------------------------------------------------------------------


def test_the_budget_holds_over_restarts(server, ask):
    ask(limit=12)(ROWS)
    ask(limit=12)(ROWS)
    more = ROWS[:3] + 1
    with pytest.raises(
        InputError, match=r"the limit is 12 queries: 10 are spent .* and 3 more are needed; raise `limits.queries`"
    ):
        ask(limit=12)(more)
    with pytest.raises(InputError, match="the limit is 12"):
        ask(limit=12).anew(more)
    assert len(server.asked) == 10 and ask().spent == 10
    ask(limit=12)(np.concatenate([ROWS, more[:2]]))
    assert ask().spent == 12 and len(server.asked) == 12


def test_what_was_sent_in_vain_counts_and_what_was_refused_does_not(server, ask):
    server.queue = [Reply(503), Reply(broken=True), Reply(429), Reply(400)]
    with pytest.raises(InputError, match="refuses the request"):
        ask()(ROWS[:3])
    assert len(server.asked) == 12 and ask().spent == 6
    server.queue = [Reply(503)] * 3
    with pytest.raises(InputError, match="the limit is 11 queries: 9 are spent"):
        ask(limit=11)(ROWS[:3])
    assert ask().spent == 9


def test_a_killed_process_has_counted_what_it_asked(server, ask):
    server.stuck = True
    code = f"""
import numpy as np
from pathlib import Path
from attacks.audit.kinds.service import Address, Service
Service(Address({server.url!r}, "forest", batch=4), Path({str(ask.folder)!r}))(np.ones((3, 4)) * [[1], [2], [3]])
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    assert server.arrived.wait(60)
    process.kill()
    process.wait()
    assert ask().spent == 3
    server.stuck = False
    server.released.set()
    assert len(ask(limit=6)(np.ones((3, 4)) * [[1], [2], [3]])) == 3
    assert ask().spent == 6


def test_two_that_share_a_folder_pay_once(server, ask):
    found = []
    both = [threading.Thread(target=lambda: found.append(ask(sleep=None)(ROWS))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(server.asked) == 10 and ask().spent == 10
    for answers in found:
        np.testing.assert_array_equal(answers, scores(ROWS))
    assert len(found) == 2


# -- what breaks down --------------------------------------------------------------------------------------------------


class StopsAfter:
    """Stops a server after so many answers."""

    def __init__(self, server, count):
        self.server, self.left = server, count

    def start(self, what, total):
        assert (what, total) == ("Asking forest", 10)

    def advance(self):
        self.left -= 1
        if not self.left:
            self.server.stop()


def test_a_server_that_dies_in_the_middle_loses_nothing(server, ask):
    with pytest.raises(InputError, match=r"cannot be reached .* start the service or correct `url`; what was answered is kept"):
        ask(progress=StopsAfter(server, 4))(ROWS)
    assert len(ask.sleeps) == PATIENT - 1 and ask().spent == 4
    server.start()
    np.testing.assert_array_equal(ask()(ROWS), scores(ROWS))
    assert sorted(server.asked) == sorted(map(tuple, ROWS)) and ask().spent == 10


def test_a_server_that_comes_back_is_waited_for(server, ask):
    def sleep(seconds):
        ask.sleeps.append(seconds)
        if len(ask.sleeps) == 3:
            server.start()

    np.testing.assert_array_equal(ask(progress=StopsAfter(server, 4), sleep=sleep)(ROWS), scores(ROWS))
    assert 1 <= ask.sleeps[0] <= 2 <= ask.sleeps[1] <= 3 <= ask.sleeps[2] <= 5, "waits grow"


@pytest.mark.parametrize(
    "bad",
    [Reply(503), Reply(500, "oops"), Reply(429), Reply(404), Reply(408), Reply(broken=True)],
    ids=lambda reply: reply.status,
)
def test_what_may_pass_is_tried_again(server, ask, bad):
    server.queue = [bad, bad]
    np.testing.assert_array_equal(ask()(ROWS[:4]), scores(ROWS[:4]))
    assert len(ask.sleeps) == 2


def test_the_pause_that_a_service_wants_is_kept(server, ask):
    server.queue = [Reply(429, headers={"Retry-After": "120"}), Reply(503, headers={"Retry-After": "17"})]
    ask()(ROWS[:4])
    assert ask.sleeps == [120, 17]
    server.queue = [Reply(429, headers={"Retry-After": "7200"})]
    with pytest.raises(InputError, match="wants a pause of 120 minutes"):
        ask()(ROWS)
    assert len(ask.sleeps) == 2 and ask().spent == 8


def test_a_pause_is_a_number_or_a_date():
    soon = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert 3500 < seconds_of(soon) <= 3600
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert [seconds_of(text) for text in (None, "", "soon", "-3", "12")] == [0, 0, 0, 0, 12]


def test_a_slow_service_is_given_up(server, ask):
    server.stuck = True
    with pytest.raises(InputError, match=r"gave no answer within 0\.05 s; .* raise `timeout_s` or lower `batch`"):
        ask(timeout_s=0.05)(ROWS[:1])
    assert len(ask.sleeps) == PATIENT - 1 and ask().spent == PATIENT


def test_an_answer_that_drips_is_given_up(server, ask):
    now = iter(range(0, 10_000, 20))
    service = Service(Address(server.url, "forest"), ask.folder, sleep=ask.sleeps.append, clock=lambda: next(now))
    service.metadata()
    with pytest.raises(InputError, match="gave no answer within 30 s"):
        # Each look at the clock is 20 s later than the one before, and a body of this size comes in several pieces.
        server.queue = [Reply(body="x" * 500_000)] * PATIENT
        service(ROWS[:1])


def test_not_faster_than_allowed():
    now, sleeps = [100.0], []

    def sleep(seconds):
        sleeps.append(seconds)
        now[0] += seconds

    pace = Pace(10, clock=lambda: now[0], sleep=sleep)
    for records in (64, 64, 5, 1):
        pace.wait(records)
    assert sleeps == pytest.approx([6.4, 6.4, 0.5])
    now[0] += 100
    pace.wait(1)
    assert len(sleeps) == 3


def test_tries_again_keep_the_pace(server, ask):
    now = [0.0]

    def sleep(seconds):
        ask.sleeps.append(seconds)
        now[0] += seconds

    address = Address(server.url, "forest", batch=4, per_second=0.01)
    Service(address, ask.folder, sleep=sleep, clock=lambda: now[0])(ROWS[:5])
    assert ask.sleeps == [400]
    server.queue = [Reply(429)]
    Service(address, ask.folder, sleep=sleep, clock=lambda: now[0])(ROWS[5:9])
    assert sum(ask.sleeps[1:]) == pytest.approx(400)
