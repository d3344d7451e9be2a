"""What the loopback MAST has, in the tables of the real one.

The columns are those of recorded answers (astroquery's own test data, and the published list of
JWST keyword fields), those that matter here.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from loopback import exposures

CAOM, PRODUCTS, NIRCAM = "Mast.Caom.Filtered", "Mast.Caom.Products", "Mast.Jwst.Filtered.Nircam"
# Columns by service: name and type, as "fields" of an answer gives them.
FIELDS = {
    CAOM: {
        "obsid": "string",
        "obs_id": "string",
        "obs_collection": "string",
        "instrument_name": "string",
        "filters": "string",
        "target_name": "string",
        "proposal_id": "string",
        "dataRights": "string",
        "calib_level": "int",
        "t_exptime": "float",
    },
    PRODUCTS: {
        "obsID": "string",
        "obs_collection": "string",
        "obs_id": "string",
        "dataURI": "string",
        "productType": "string",
        "productSubGroupDescription": "string",
        "project": "string",
        "productFilename": "string",
        "size": "int",
        "parent_obsid": "string",
        "filters": "string",
        "dataRights": "string",
        "calib_level": "int",
    },
    NIRCAM: {
        "filename": "string",
        "dataURI": "string",
        "fileSize": "long",
        "productLevel": "string",
        "program": "string",
        "exp_type": "string",
        "detector": "string",
        "subarray": "string",
        "readpatt": "string",
        "filter": "string",
        "subsize1": "int",
        "subsize2": "int",
        "effexptm": "float",
        "expstart": "float",
        "date_obs_mjd": "float",
    },
}
# The observation service takes its columns' description from another one.
CONFIGURATION_OF = {"Mast.Caom.Cone": CAOM}


LEVELS = {"RAW": 1, "UNCAL": 1, "FLT": 2, "DARK": 2, "DRZ": 3}


@dataclass
class Product:
    """A file: its place in the catalogue, and how its bytes are made when first needed."""

    name: str
    collection: str
    exposure: str
    kind: str
    make: Callable[[], bytes]
    project: str = ""
    rights: str = "PUBLIC"
    keywords: dict = field(default_factory=dict)

    @property
    def uri(self):
        return f"mast:{self.collection}/product/{self.name}"

    @cached_property
    def content(self):
        return self.make()


@dataclass
class Observation:
    """A row of the observation catalogue, with its files."""

    obs_id: str
    collection: str
    instrument: str
    proposal: str
    products: list
    filters: str = ""
    target: str = "ANY"
    exptime: float = 0.0


class Catalogue:
    """Observations and files, and answers about them."""

    def __init__(self, observations):
        self.observations = {str(9_000_000 + k): o for k, o in enumerate(observations)}
        files = [p for o in self.observations.values() for p in o.products]
        self.products = {p.uri: p for p in files}

    def product(self, uri):
        """Return the product of a URI, or None."""
        return self.products.get(uri)

    def columns(self, service):
        """Return the description of a service's columns; of an unknown one, nothing."""
        fields = FIELDS.get(CONFIGURATION_OF.get(service, service), {})
        described = {"string": "char", "int": "int", "long": "long", "float": "double"}
        return {name: {"text": name, "vot.datatype": described[t]} for name, t in fields.items()}

    def answer(self, service, params):
        """Return the answer of ``/invoke``."""
        if service == CAOM:
            rows = _filtered(self._observation_rows(), params["filters"])
        elif service == PRODUCTS:
            rows = self._product_rows(params["obsid"].split(","))
        elif service == NIRCAM:
            rows = _filtered(self._keyword_rows(), params["filters"])
        else:
            return {"status": "ERROR", "msg": f"no service {service}", "data": [], "fields": []}
        fields = [{"name": name, "type": kind} for name, kind in FIELDS[service].items()]
        count = {"rows": len(rows), "rowsFiltered": len(rows), "rowsTotal": len(rows)}
        paging = {"page": 1, "pageSize": 50000, "pagesFiltered": 1, **count}
        return {"status": "COMPLETE", "msg": "", "data": rows, "fields": fields, "paging": paging}

    def _observation_rows(self):
        return [
            {
                "obsid": obsid,
                "obs_id": o.obs_id,
                "obs_collection": o.collection,
                "instrument_name": o.instrument,
                "filters": o.filters,
                "target_name": o.target,
                "proposal_id": o.proposal,
                "dataRights": "PUBLIC",
                "calib_level": 3,
                "t_exptime": o.exptime,
            }
            for obsid, o in self.observations.items()
        ]

    def _product_rows(self, obsids):
        return [
            {
                # A member of an association is a row of the association, under its own number.
                "obsID": obsid if p.exposure == o.obs_id else f"{obsid}1",
                "obs_collection": p.collection,
                "obs_id": p.exposure,
                "dataURI": p.uri,
                "productType": "SCIENCE",
                "productSubGroupDescription": p.kind,
                "project": p.project,
                "productFilename": p.name,
                "size": len(p.content),
                "parent_obsid": obsid,
                "filters": o.filters,
                "dataRights": p.rights,
                "calib_level": LEVELS.get(p.kind, 1),
            }
            for obsid in obsids
            if (o := self.observations.get(obsid))
            for p in o.products
        ]

    def _keyword_rows(self):
        return [
            {"filename": p.name, "dataURI": p.uri, "fileSize": len(p.content), **p.keywords}
            for p in self.products.values()
            if p.keywords
        ]


def _filtered(rows, filters):
    """Keep the rows that meet all conditions: one of the values, or within a range."""
    for condition in filters:
        name, values = condition["paramName"], condition["values"]
        # As in SQL: % stands for anything.
        pattern = condition.get("freeText", "").replace("%", "*")
        rows = [
            row
            for row in rows
            if any(_meets(row[name], value) for value in values)
            or (pattern and fnmatchcase(str(row[name]), pattern))
        ]
    return rows


def _meets(found, value):
    if isinstance(value, dict):
        return value["min"] <= found <= value["max"]
    return str(found) == str(value)


def shipped():
    """Return a catalogue with the exposures of the shipped campaigns.

    With real files as well where ``DARKROOM_REFERENCE_DATA`` has them.
    """
    return Catalogue(
        [
            association("icqtbb020", "14037", ["icqtbbbrq", "icqtbbbtq", "icqtbbbxq", "icqtbbc0q"]),
            association("icxt27020", "", ["icxt27hkq", "icxt27hoq"]),
            *darks("1062", 4),
            *real_files(),
        ]
    )


def association(name, proposal, members, *, nsamp=16):
    """Return a WFC3/IR association: raw and calibrated files of its members, one drizzled."""
    products = [
        Product(
            name=f"{member}_{kind.lower()}.fits",
            collection="HST",
            exposure=member,
            kind=kind,
            make=lambda m=member, k=kind: exposures.wfc3(m, name, k, nsamp),
            project="CALWF3",
        )
        for member in members
        for kind in ("RAW", "FLT")
    ]
    drizzled = f"{name}_drz.fits"
    products.append(
        Product(
            drizzled, "HST", name, "DRZ", lambda: exposures.wfc3(name, name, "DRZ", 1), "CALWF3"
        )
    )
    return Observation(
        obs_id=name,
        collection="HST",
        instrument="WFC3/IR",
        proposal=proposal,
        products=products,
        filters="F140W",
        exptime=1403.0 * len(members),
    )


def darks(program, count, *, listed="dark"):
    """Return NIRCam darks of all detectors.

    Parameters
    ----------
    program : str
        Number of the program.
    count : int
        Exposures a detector.
    listed : str
        The kind of file that the catalogue of keywords lists: ``dark`` (the calibrated one, as
        the real catalogue does) or ``uncal``.
    """
    detectors = [f"NRC{module}{k}" for module in "AB" for k in ("1", "2", "3", "4", "LONG")]
    observations = []
    for detector in detectors:
        for number in range(1, count + 1):
            base = f"jw{int(program):05d}001001_02101_{number:05d}_{detector.lower()}"
            keywords = {
                "productLevel": "2a",
                "program": program,
                "exp_type": "NRC_DARK",
                "detector": detector,
                "subarray": "FULL",
                "readpatt": "RAPID",
                "filter": "",
                "subsize1": 2048,
                "subsize2": 2048,
                "effexptm": 107.368,
                "expstart": 59700.0 + 0.01 * number,
                "date_obs_mjd": 59700.0,
            }
            products = [
                Product(
                    name=f"{base}_{kind}.fits",
                    collection="JWST",
                    exposure=base,
                    kind=kind.upper(),
                    make=lambda b=base, d=detector, k=kind: exposures.nircam(b, d, k),
                    project="CALJWST",
                    keywords=keywords if kind == listed else {},
                )
                for kind in ("uncal", "dark")
            ]
            observations.append(
                Observation(base, "JWST", "NIRCAM/IMAGE", program, products, exptime=107.368)
            )
    return observations


def real_files():
    """Return the real HST files of the reference data, each an observation of its own."""
    folder = os.environ.get("DARKROOM_REFERENCE_DATA")
    found = []
    for path in sorted(Path(folder, "real").glob("*/*q_*.fits.gz")) if folder else ():
        name = path.name.removesuffix(".gz")
        root, kind = name.removesuffix(".fits").split("_")
        instrument = "WFC3/IR" if root.startswith("i") else "ACS/HRC"
        if path.parent.name in ("hst_raw", "wfc3_ima"):
            product = Product(
                name, "HST", root, kind.upper(), lambda p=path: gzip.decompress(p.read_bytes())
            )
            found.append(Observation(root, "HST", instrument, "", [product], exptime=60.0))
    return found
