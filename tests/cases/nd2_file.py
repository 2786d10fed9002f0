"""Writes small ND2 files, laid out as NIS-Elements 4 does (version 2.1): chunks with a name,
settings as XML, a map of the chunks at the end."""

import struct

MAGIC = 0x0ABECEDA
TIMES = ("dStart", "dPeriod", "dDuration", "dMinPeriodDiff", "dMaxPeriodDiff", "dAvgPeriodDiff")
ALIGNMENT = 4096  # a chunk's header, name and time stamp fill so much


def variant(values):
    """Settings as the XML that Nikon calls a CLxVariant."""
    fields = "".join(
        f'<{name} runtype="lx_uint32" value="{value}"/>' for name, value in values.items()
    )
    return f'<variant version="1.0"><no_name runtype="CLxListVariant">{fields}</no_name></variant>'


def write_nd2(path, frames):
    """Write frames, (H, W) or (H, W, 3), of 8 or 16 bit, as the frames of one file."""
    height, width = frames[0].shape[:2]
    n_components = frames[0].size // (height * width)
    bits = 8 * frames[0].itemsize
    attributes = {
        "uiWidth": width, "uiHeight": height, "uiWidthBytes": width * n_components * bits // 8,
        "uiComp": n_components, "uiBpcInMemory": bits, "uiBpcSignificant": bits,
        "uiSequenceCount": len(frames), "eCompression": 2, "uiTileWidth": width,
        "uiTileHeight": height,
    }  # fmt: skip
    loop = variant({"eType": 1}).replace(
        "</no_name>",
        '<uLoopPars runtype="CLxListVariant">'
        f'<uiCount runtype="lx_uint32" value="{len(frames)}"/>'
        + "".join(f'<{name} runtype="double" value="0"/>' for name in TIMES)
        + "</uLoopPars></no_name>",
    )
    chunks = {"ImageAttributes!": variant(attributes).encode()}
    chunks["ImageMetadata!"] = loop.encode()
    chunks["ImageMetadataSeq|0!"] = variant({"uiDummy": 0}).encode()
    for number, frame in enumerate(frames):
        chunks[f"ImageDataSeq|{number}!"] = bytes(8) + frame.tobytes()  # after a time stamp
    content = struct.pack(
        "<IIQ32s64s", MAGIC, 32, 64, b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver2.1"
    )
    content += bytes(-len(content) % ALIGNMENT)
    places = b""
    for name, data in chunks.items():
        places += name.encode() + struct.pack("<QQ", len(content), len(data))
        content += _chunk(name, data)
    places += b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", len(content))
    path.write_bytes(content + _chunk("ND2 FILEMAP SIGNATURE NAME 0001!", places))


def _chunk(name, data):
    name_length = ALIGNMENT - 24
    return (
        struct.pack("<IIQ", MAGIC, name_length, len(data))
        + name.encode().ljust(name_length, b"\0")
        + data
    )
