"""Run folders: parameters, manifest, and the notebooks that write them."""

from dicentlib.runs.folder import environment, open_run, project_root, record, resolve, stamp

__all__ = ["environment", "open_run", "project_root", "record", "resolve", "stamp"]
