"""Copies a safetensors file with its float32 entries rounded to half precision. Needs Python alone."""

import json
import struct
import sys


def main(source, target):
    with open(source, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(size))
        body = f.read()
    out, data = {}, bytearray()
    for name, entry in header.items():
        if name == "__metadata__":
            out[name] = entry
            continue
        begin, end = entry["data_offsets"]
        raw, dtype = body[begin:end], entry["dtype"]
        if dtype == "F32":
            n = len(raw) // 4
            values = struct.unpack(f"<{n}f", raw)
            raw, dtype = struct.pack(f"<{n}e", *(min(max(v, -65504.0), 65504.0) for v in values)), "F16"
        out[name] = {"dtype": dtype, "shape": entry["shape"], "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(out).encode()
    head += b" " * (-len(head) % 8)
    with open(target, "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head + data)


if __name__ == "__main__":
    main(*sys.argv[1:])
