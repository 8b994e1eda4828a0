"""What a compiler cost includes the processes that it leaves the work to; and all of them stop together."""

import sys
import time

import pytest

from pipeline.stan.processes import Processes

BURN = "import time\nwhile time.process_time() < 0.2: pass"


def test_processor_time_is_that_of_the_whole_family(tmp_path):
    finished = Processes().run(["sh", "-c", f"{sys.executable} -c '{BURN}'; sleep 0.3"], tmp_path)
    assert finished.status == 0
    assert finished.cpu_s >= 0.2
    assert finished.wall_s >= finished.cpu_s + 0.2, "waiting costs no processor time"


def test_a_signal_between_two_starts_stops_what_runs(tmp_path):
    processes, started = Processes(), tmp_path / "started"

    def interrupted():
        yield "first"
        while not started.exists():
            time.sleep(0.01)
        raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        processes.map(
            lambda _: processes.run(["sh", "-c", f"touch {started}; sleep 60"], tmp_path), interrupted(), 1
        )
    assert time.monotonic() - begun < 30, "it waited for the end of the first"
