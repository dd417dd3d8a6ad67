"""Writes the .nc files of this folder with the libraries users have (Debian 12: xarray 2023.01,
netCDF4 1.6.2 over netCDF-C 4.9.0 and HDF5 1.10.8, h5netcdf 1.1.0, h5py 3.7.0), and expected.json.
Values are those of the formula in value(), so that the test computes them again."""
import json

import h5py
import numpy as np
import xarray as xr

P, N, T = 90, 11, 6  # presentations, neurons, time bins
expected = {}


def value(shape):
    """Element k of the row-major array is (k * 7919) % 101, halved; number 3 is NaN."""
    return (np.arange(np.prod(shape)) * 7919 % 101).reshape(shape)


def coordinates(dims):
    text = lambda f, n: np.array([f(i) for i in range(n)], dtype=object)
    c = {
        "stimulus_id": ("presentation", text(lambda i: f"{i // 3:040x}é", P)),
        "image_id": ("presentation", text(lambda i: str(i // 3), P)),
        "repetition": ("presentation", np.arange(P) % 3),
        "texture_type": ("presentation", text(lambda i: ["noise", "texture"][i % 2], P)),
        "texture_family": ("presentation", np.arange(P) - 5),
        "sample": ("presentation", np.arange(P) * 1.5),
        "empty": ("presentation", text(lambda i: "", P)),
        "neuroid_id": ("neuroid", np.arange(N) + 1),
        "region": ("neuroid", text(lambda i: "V1" if i < 6 else "V2", N)),
        "time_bin_start": ("time_bin", np.arange(T) * 10),
        "time_bin_end": ("time_bin", np.arange(T) * 10 + 10),
        "x": ("neuroid", np.arange(N, dtype="int8")),
        "y": ("neuroid", np.arange(N, dtype="uint16")),
        "z": ("neuroid", np.arange(N, dtype="float32")),
    }
    return {k: v for k, v in c.items() if v[0] in dims}


few = {"stimulus_set_identifier": "lab.X", "identifier": "lab.Y"}
many = {**few, **{f"attribute_{i}": np.arange(i + 1) * 0.5 for i in range(20)}, "long": "é" * 3000}


def make(name, dims, attrs=few, dtype="float64", variable="data", engine="netcdf4", compress=False, **encoding):
    shape = tuple({"presentation": P, "neuroid": N, "time_bin": T}[d] for d in dims)
    data = value(shape).astype(dtype)
    if dtype.startswith("f"):
        data = data / 2
        data.flat[3] = np.nan
    c = coordinates(dims)
    a = xr.DataArray(data, dims=dims, coords=c, name=variable, attrs=attrs)
    ds = a.to_dataset(name=variable)
    ds.attrs.update(attrs)
    enc = {variable: encoding} if encoding else {}
    for k, v in c.items():  # netCDF-C 4.9 refuses to compress strings, h5netcdf and older ones do
        if compress and (v[1].dtype != object or engine == "h5netcdf"):
            enc[k] = dict(zlib=True, complevel=4)
    ds.to_netcdf(f"{name}.nc", engine=engine, format="NETCDF4", encoding=enc)
    expected[name] = {
        "variable": variable, "dims": dims, "shape": shape, "dtype": dtype,
        "coordinates": {k: [v[0], v[1].tolist()] for k, v in c.items()},
        "attributes": {k: (v if isinstance(v, str) else v.tolist()) for k, v in attrs.items()},
    }


pnt, npt = ["presentation", "neuroid", "time_bin"], ["neuroid", "presentation", "time_bin"]
make("default", npt)
make("chunks", pnt, compress=True, zlib=True, complevel=9, shuffle=True, chunksizes=(64, 3, 5))
make("float32", pnt, attrs=many, dtype="float32", zlib=True, complevel=1, shuffle=True, chunksizes=(90, 1, 6))
make("int64", npt, dtype="int64", zlib=True, complevel=1, shuffle=False, fletcher32=True)
make("h5netcdf", npt, attrs=many, engine="h5netcdf", compress=True, zlib=True, complevel=4, shuffle=True)
make("oldname", ["neuroid", "presentation"], variable="__xarray_dataarray_variable__", zlib=True, complevel=1)
make("manychunks", ["presentation", "neuroid"], zlib=True, complevel=1, chunksizes=(1, 5))
make("int16", npt, dtype="int16")
json.dump(expected, open("expected.json", "w"), ensure_ascii=False)

with h5py.File("partial.nc", "w") as f:  # chunks never written, big-endian, fixed strings, scalars
    d = f.create_dataset("partial", (7, 5), dtype=">i2", chunks=(2, 3), fillvalue=-4)
    d[2:4, 3:] = 9
    f["scalar"] = 2.5
    f["fixed"] = np.array([b"V1", b"V4 ", b""], dtype="S3")
    f["flags"] = np.array([True, False, True])
    f.create_dataset("unwritten", (4,), dtype="f4", fillvalue=1.5)
    f.create_group("group")["inside"] = 1
    f["alias"] = h5py.SoftLink("/scalar")
with h5py.File("latest.nc", "w", libver="latest") as f:
    f["whole"] = np.arange(5)
    f.create_dataset("chunked", (50,), chunks=(10,), dtype="i4")
    for i in range(30):
        f[f"many{i}"] = i
with h5py.File("lzf.nc", "w") as f:
    f.create_dataset("data", data=np.arange(500), chunks=(100,), compression="lzf")
