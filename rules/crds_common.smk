# CRDS: which references the campaign needs, from where, and the options that say so.
from darkroom.crds.settings import crds_settings
from darkroom.nircam.pipeline import item_kinds
from darkroom.wfc3.pipeline import KINDS as WFC3_KINDS

OBSERVATORY = {"nircam": "jwst", "wfc3": "hst"}
CRDS = cache(lambda observatory: or_exit(crds_settings, CAMPAIGN, observatory, config["results"]))


def observatory_of(item):
    """Observatory whose references an item's exposures need, or None."""
    return OBSERVATORY.get(CAMPAIGN.items[item]["instrument"])


def reference_items(observatory):
    """Items whose exposures need references of an observatory."""
    items = [item for item in CAMPAIGN.items if item not in archived_items()]
    return [item for item in items if observatory_of(item) == observatory]


def cache_option(observatory):
    """Option that says where the cache lies."""
    return f"--cache {shlex.quote(CRDS(observatory).cache)}"


def crds_place(observatory, asking=False):
    """Options that say where the cache lies and which server may be asked."""
    settings = CRDS(observatory)
    words = ["--observatory", observatory, "--cache", settings.cache]
    if asking and settings.server is not None:
        words += ["--server", settings.server, "--timeout", f"{settings.timeout:g}"]
    return shlex.join(words)


def context_options(observatory):
    """Options that say which rules are needed."""
    words = ["--context", CRDS(observatory).context]
    return shlex.join([*words, "--instruments", *crds_instruments(observatory)])


def bestrefs_options(item):
    """Options that say which references an exposure needs, by which rules."""
    words = ["--context", CRDS(observatory_of(item)).context]
    return shlex.join([*words, "--kinds", *kinds_of(item)])


def kinds_of(item):
    """Reference types that an item's exposures need."""
    if CAMPAIGN.items[item]["instrument"] == "wfc3":
        return WFC3_KINDS
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
    """References that each item of an observatory needs, when it has exposures."""
    items = [item for item in reference_items(observatory) if LOCK().of(item)]
    return [f"{RESULTS}/{item}/references.json" for item in items]


def reference_pins():
    """Option that names the pins; simulated references follow from the simulator."""
    return f"--pins {shlex.quote(str(CAMPAIGN.pins_path))}" if ARCHIVE != "simulated" else ""


def reference_tables():
    """Tables of the verified references that are pinned."""
    used = sorted({observatory_of(item) for item in CAMPAIGN.items} - {None})
    used = [name for name in used if ARCHIVE != "simulated" and references_of_all(name)]
    return [f"{RESULTS}/crds/{name}.tsv" for name in used]
