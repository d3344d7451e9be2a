# CRDS: which references the campaign needs, from where, and the options that say so.
from darkroom.crds.settings import crds_settings
from darkroom.nircam.plan import item_kinds

OBSERVATORY = {"nircam": "jwst"}
CRDS = cache(
    lambda observatory: or_exit(crds_settings, CAMPAIGN, observatory, config["results"])
)


def observatory_of(item):
    """Observatory whose references an item's exposures need, or None."""
    return OBSERVATORY.get(CAMPAIGN.items[item]["instrument"])


def reference_items(observatory):
    """Items whose exposures need references of an observatory."""
    return [item for item in CAMPAIGN.items if observatory_of(item) == observatory]


def crds_options(observatory):
    """Where the cache is and what rules apply: no number of a product depends on the folder."""
    settings = CRDS(observatory)
    return f"--observatory {observatory} --cache {shlex.quote(settings.cache)} "


def server_options(observatory):
    """Which server may be asked, and for how long."""
    settings = CRDS(observatory)
    if settings.server is None:
        return ""
    return f"--server {shlex.quote(settings.server)} --timeout {settings.timeout:g} "


def kinds_of(item):
    """Reference types that an item's exposures need."""
    return item_kinds(CAMPAIGN.items[item]["nircam"])


def crds_kinds(observatory):
    """Reference types that the campaign's exposures need of an observatory."""
    return sorted({kind for item in reference_items(observatory) for kind in kinds_of(item)})


def crds_instruments(observatory):
    """Instruments of the campaign that belong to an observatory."""
    return sorted({CAMPAIGN.items[item]["instrument"] for item in reference_items(observatory)})


def crds_source(observatory):
    """What must be there before a cache can be filled: simulated references are made first."""
    if ARCHIVE != "simulated":
        return []
    return f"{CRDS(observatory).cache}/config/{observatory}/server_config"


def references_of(item):
    """Lists of best references of an item's exposures."""
    return [f"{RESULTS}/{item}/references/{row.exposure}.json" for row in LOCK().of(item)]


def references_of_all(observatory):
    """Lists of best references of all exposures of an observatory."""
    return [path for item in reference_items(observatory) for path in references_of(item)]
