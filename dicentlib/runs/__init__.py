"""Run folders: parameters, manifest, and the notebooks that write them."""

from dicentlib.runs.folder import Run, environment, notebook_paths, open_run, project_root, resolve
