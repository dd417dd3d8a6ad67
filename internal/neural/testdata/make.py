"""Writes the two assemblies of this folder: invented values in the form of Brain-Score's property
assemblies (Debian 12: xarray 2023.01, netCDF4 1.6.2). Run it here."""
import json

import numpy as np
import xarray as xr

properties = json.load(open("../../../analysis/v1score/distributions.json"))["properties"]
rng = np.random.default_rng(0)
for assay, name, n in [
    ("Ringach2002", "assy_shapley_Ringach2002", 30),
    ("FreemanZiemba2013", "assy_movshon_FreemanZiemba2013_V1_properties", 25),
]:
    own = [p for p in properties if p["assay"] == assay]
    values = np.stack([rng.uniform(p["bins"][0], p["bins"][-1], n).round(3) for p in own], 1)
    values[0, 0] = np.nan
    coords = {
        "neuroid_id": ("neuroid", np.arange(n)),
        "region": ("neuroid", np.array(["V1"] * n, dtype=object)),
        "neuronal_property": ("neuronal_property", np.array([p["property"] for p in own], dtype=object)),
    }
    a = xr.DataArray(values, dims=("neuroid", "neuronal_property"), coords=coords, name="data", attrs={"number_of_trials": 20})
    a.to_dataset(name="data").to_netcdf(f"{name}.nc", engine="netcdf4", format="NETCDF4", encoding={"data": dict(zlib=True, complevel=1)})
