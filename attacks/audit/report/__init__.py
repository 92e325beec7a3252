"""The report of an audit, and of a run, which is an audit of a target of ours."""

from attacks.audit.report.writing import FORMATS, check_formats, prepare, replaced, stamp, sweep, write, write_run

__all__ = ["FORMATS", "check_formats", "prepare", "replaced", "stamp", "sweep", "write", "write_run"]
