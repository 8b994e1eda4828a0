"""What a compiler cost includes the processes that it leaves the work to, and not the time that it waits."""

import sys

from pipeline.stan.processes import Processes

BURN = "import time\nwhile time.process_time() < 0.2: pass"


def test_processor_time_is_that_of_the_whole_family(tmp_path):
    finished = Processes().run(["sh", "-c", f"{sys.executable} -c '{BURN}'; sleep 0.3"], tmp_path)
    assert finished.status == 0
    assert finished.cpu_s >= 0.2
    assert finished.wall_s >= finished.cpu_s + 0.2, "waiting costs no processor time"
