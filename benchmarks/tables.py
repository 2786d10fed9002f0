"""Results of a benchmark as files that the documentation includes."""

import platform
from pathlib import Path

import pandas as pd

from dicentlib.files import atomic_path
from dicentlib.threads import available_processors

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "tables"


def machine():
    """The processor in words, the number of its cores in use, and the instructions that matter."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    facts = {
        line.split(":")[0].strip(): line.split(":", 1)[1].strip() for line in lines if ":" in line
    }
    name = facts.get("model name") or platform.processor() or platform.machine()
    known = facts.get("flags", "").split()
    wanted = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "bfloat16", "amx_tile": "AMX"}
    has = [text for flag, text in wanted.items() if flag in known]
    return f"{name}, {available_processors()} cores in use, {', '.join(has) or 'no AVX2'}"


def write_table(name, rows, *, caption, folder=FOLDER):
    """Write ``<name>.csv`` and ``<name>.md``, whose last line is the caption.

    Parameters
    ----------
    name : str
    rows : DataFrame or sequence of dict
        Cells as they are to be read; rounded numbers or text.
    caption : str
        What was measured, on what.
    folder : path-like

    Returns
    -------
    DataFrame
    """
    table = pd.DataFrame(rows)
    with atomic_path(Path(folder) / f"{name}.csv") as temporary:
        table.to_csv(temporary, index=False)
    lines = [list(table.columns), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    text = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    with atomic_path(Path(folder) / f"{name}.md") as temporary:
        temporary.write_text(f"{text}\n\n{caption}\n")
    print(f"{table.to_string(index=False)}\n{caption}")
    return table


def write_timings(name, rows, *, caption, folder=FOLDER):
    """:func:`write_table` of what depends on the machine, which the caption then names."""
    return write_table(name, rows, caption=f"{caption} Measured on: {machine()}.", folder=folder)


def exposure_text(dose_gy, part):
    """An exposure in words: ``2 Gy, whole``, ``3 Gy, 20 %``."""
    return f"{dose_gy:g} Gy, " + ("whole" if part == 1 else f"{part:.0%}".replace("%", " %"))


def share_text(value, digits=2):
    """A share with its digits; empty where there is none."""
    return "" if pd.isna(value) else f"{value:.{digits}f}"
