"""Values that suit each configuration of a sweep, chosen on validation data before the sweep's own runs."""

from cnnlab.sweep.tuning.record import RECORD, read_record, read_record_file
from cnnlab.sweep.tuning.space import Parameter
from cnnlab.sweep.tuning.stage import FOLDER, tune

__all__ = ["FOLDER", "RECORD", "Parameter", "read_record", "read_record_file", "tune"]
