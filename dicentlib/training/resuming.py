"""What a training resumes from: the state in its folder, whole and of the same training."""

import zipfile

import pandas as pd

from dicentlib.errors import InputError
from dicentlib.files import read_json, refuse_pointer, write_json
from dicentlib.training.keeping import STATE, remove_partial_files

RECORD = "training/parameters.json"


def state_to_resume(out, record, resume):
    """Path of the state to go on from, or None; refuses the files of another training."""
    remove_partial_files(out)
    state, known = out / STATE, out / RECORD
    members = list((out / "members").glob("epoch_*.safetensors"))
    if resume and (state.is_file() or members):
        if not known.is_file():
            raise InputError(
                f"{out} contains members without a record of their training; resume=False "
                "replaces them, another folder keeps both"
            )
        before = read_json(known)
        before.get("parameters", {}).pop("compiled", None)
        if changed := _differences(before, record):
            raise InputError(
                f"{out} contains a training with other {changed}; resume=False (--fresh) "
                "replaces it; another folder keeps both, and initial_members "
                "(--initial-members) continues from the weights of its last epoch"
            )
        _require_whole(out)
        if state.is_file():
            return state
    state.unlink(missing_ok=True)
    for member in members:
        member.unlink()
    (out / "metrics.csv").unlink(missing_ok=True)
    write_json(known, record)
    return None


def _differences(before, record):
    """What differs between two trainings, in words, each parameter with both values; or ""."""
    changed = [name for name in record if before.get(name) != record[name]]
    words = [name.replace("_", " ") for name in changed]
    if "parameters" in changed:
        old, new = before.get("parameters", {}), record["parameters"]
        pairs = [
            f"{name} {old.get(name)!r} there, {value!r} here"
            for name, value in new.items()
            if old.get(name) != value
        ]
        words[changed.index("parameters")] = f"parameters ({'; '.join(pairs)})"
    return ", ".join(words)


def _require_whole(out):
    """Refuse a state or metrics that were cut off, before anything is resumed from them."""
    state, metrics = out / STATE, out / "metrics.csv"
    way_out = (
        "the members remain usable; resume=False (--fresh) trains again from the start, "
        "initial_members (--initial-members) continues from the members in another folder"
    )
    if state.is_file():
        refuse_pointer(state)
        try:
            with zipfile.ZipFile(state) as archive:
                broken = archive.testzip()
        except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
            raise InputError(f"{state}: damaged, perhaps cut off ({error}); {way_out}") from error
        if broken:
            raise InputError(f"{state}: damaged at {broken}; {way_out}")
    if metrics.is_file():
        try:
            whole = "epoch" in pd.read_csv(metrics)
        except (ValueError, OSError):
            whole = False
        if not whole:
            raise InputError(
                f"{metrics}: damaged; remove it to continue without the losses of the previous "
                "epochs"
            )
