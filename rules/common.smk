# What all rules share: the campaign, its plan, and the start of each command.
import shlex
import sys
import time
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir, "scripts")))

from darkroom.archive.planning import Arrivals
from darkroom.integrity.listing import incomplete_lists
from darkroom.batches.planning import Batch, Batches, Job
from darkroom.campaign.campaign import open_campaign
from darkroom.campaign.lock import require_lock
from darkroom.crds.planning import References
from darkroom.crds.settings import crds_settings
from darkroom.delivery.planning import Deliveries
from darkroom import pipelines
from darkroom.workflow.failures import failure_summary
from darkroom.workflow.gone import remake_incomplete
from darkroom.workflow.handlers import begin_records, check_earlier_jobs, print_success
from darkroom.workflow.hold import hold_folder, hold_results, require_own_folder
from darkroom.workflow.notes import keep_durably
from darkroom.workflow.plan import OrExit, Plan, input_options, named_options, or_exit
from darkroom.workflow.programs import Programs
from darkroom.workflow.results import results_folder
from darkroom.workflow.speed import (
    collect_rarely,
    compare_as_text,
    evaluate_once,
    find_by_end,
    look_for_folders_first,
    look_up_flags,
    remember_checksums,
    remember_parameters,
)
from darkroom.workflow.stopping import let_sigterm_end_the_run

collect_rarely()
keep_durably(snakemake.persistence.file.FilePersistence)
remember_checksums(snakemake.io._IOFile)
evaluate_once(snakemake.scheduling.job_scheduler.JobScheduler)
find_by_end(snakemake.output_index.OutputIndex)
compare_as_text(snakemake.io._IOFile)
look_up_flags(snakemake.io, snakemake.dag, snakemake.jobs, snakemake.rules)
look_for_folders_first(snakemake.dag.DAG)

or_exit(require_own_folder, ".", workflow.main_snakefile)
STARTED = time.monotonic()
CAMPAIGN = or_exit(open_campaign, config["campaign"], workflow.basedir, config.get("folder"))
ALL_RESULTS = or_exit(results_folder, config["results"])
PLAN = Plan(
    CAMPAIGN,
    ALL_RESULTS,
    lambda: or_exit(require_lock, CAMPAIGN),
    cache(lambda observatory: or_exit(crds_settings, CAMPAIGN, observatory, ALL_RESULTS)),
)
RESULTS = PLAN.results
REPORT = f"{RESULTS}/report"
PIPELINES = {name: OrExit(pipeline) for name, pipeline in pipelines.pipelines(PLAN).items()}
REFERENCES = OrExit(References(PLAN, PIPELINES))

# Arguments that change no product: the campaign as the user named it, and where its files are.
NAME = shlex.quote(str(config["campaign"]))
CAMPAIGN_ARGS = f"--campaign={NAME}"
FOLDER_ARGS = f"--folder={shlex.quote(str(config['folder']))}" if config.get("folder") else ""
REPEAT = f"snakemake --config campaign={NAME}"
REPEAT_ARGS = f"--command={shlex.quote(REPEAT)}"
NEXT = f".venv/bin/python -m {REPEAT}"
NEXT_ARGS = f"--command={shlex.quote(NEXT)}"
EXCLUDE = "--exclude" if CAMPAIGN.settings["on_bad_exposure"] == "exclude" else ""

CONDA = any("conda" in str(way).lower() for way in workflow.deployment_settings.deployment_method)
program = Programs(workflow.basedir, CONDA)
BATCHES = OrExit(or_exit(Batches, PLAN, config.get("batch", "auto"), PIPELINES))
ARRIVALS = OrExit(Arrivals(PLAN, program))

if workflow.is_main_process:
    remake_incomplete(snakemake.dag.DAG, lambda: incomplete_lists(RESULTS))


wildcard_constraints:
    item=r"[a-z0-9][a-z0-9_-]*",
    batch=r"[A-Za-z0-9_.+-]+",
    role="bias|dark|flat|science|exposure",


def campaign_products():
    """Return every product of the campaign; any of them that is missing is made again."""
    return pipelines.campaign_products(PLAN, PIPELINES)


def planned_products():
    """Return every product of the campaign; none when it has no lock yet."""
    return campaign_products() if CAMPAIGN.lock_path.exists() else []


onstart:
    let_sigterm_end_the_run()
    or_exit(hold_folder, ".", workflow.dag_settings.targets)
    or_exit(check_earlier_jobs, workflow)
    held = RESULTS, workflow.dag_settings.targets, workflow.executor_plugin.name
    # Before anything is written there; and where there were no results yet, as soon as there are.
    or_exit(hold_results, *held)
    begin_records(workflow, RESULTS, NEXT)
    or_exit(hold_results, *held)


onsuccess:
    targets = workflow.dag_settings.targets
    print_success(CAMPAIGN, targets, log, STARTED, planned_products, NEXT, RESULTS)


onerror:
    text = "".join(Path(path).read_text() for path in log)
    print(f"\n{failure_summary(text, shlex.join(sys.orig_argv))}", file=sys.stderr)


def gate_inputs(instrument):
    """Return the input function of the gates of an instrument's products."""
    return lambda wildcards: PIPELINES[instrument].judged(wildcards.item)[wildcards.product]


def gate_options(instrument):
    """Return the function that gives the options of the program that makes gates."""
    return lambda wildcards, input: PIPELINES[instrument].gate_options(
        wildcards.item, wildcards.product, input
    )


def together(name, names, job):
    """Return the batch of a product; it is alone when files were asked for by their names."""
    named = any("/" in target for target in workflow.dag_settings.targets or ())
    return Batch() if named else BATCHES.together(name, names, job)


def gate_batch(instrument):
    """Return the function that gives what a job of gates says of its batch: an item's products."""

    def batch(wildcards, output):
        item, judged = wildcards.item, PIPELINES[instrument].judged(wildcards.item)

        def job(product):
            settings = PIPELINES[instrument].gate_options(item, product, judged[product])
            made = f"{RESULTS}/{item}/judge/gates_{product}.json"
            words = shlex.join(["--item", item, "--product", product, "--output", made])
            code = program.digest("detector", f"{instrument}/gates")
            return Job(list(judged[product].values()), [made], f"{words} {settings}", [code])

        return together(wildcards.product, judged, job)

    return batch


def insertion_batch(wildcards, output):
    """Return what the job of an insertion says of its batch: the products of an item."""
    item, nircam = wildcards.item, PIPELINES["nircam"]

    def job(purpose):
        judge, reference = f"{RESULTS}/{item}/judge", f"{RESULTS}/{item}/{purpose}.fits"
        made = [f"{judge}/insertion_{purpose}.json", f"{judge}/insertion_{purpose}.diff"]
        words = ["--product", purpose, "--reference", reference]
        words += ["--refusals", f"{RESULTS}/{item}/refusals"]
        words += ["--output", made[0], "--difference", made[1]]
        options = [REFERENCES.place("jwst"), REFERENCES.context_option("jwst")]
        statuses = f"{RESULTS}/{item}/statuses.list"
        options += [nircam.insertion_options(item, purpose), "--", shlex.quote(f"@{statuses}")]
        inputs = [reference, statuses, f"{RESULTS}/{item}/refusals.list"]
        inputs += REFERENCES.mappings(item)
        code = program.digest("jwst", "delivery/insertion")
        return Job(inputs, made, f"{shlex.join(words)} {' '.join(options)}", [code])

    return together(wildcards.purpose, nircam.counterfactuals(item), job)


def comparison_batch(wildcards, output):
    """Return what the job of a comparison says of its batch: the products of an item."""
    item, nircam = wildcards.item, PIPELINES["nircam"]
    judge, code = f"{RESULTS}/{item}/judge", program.digest("jwst", "nircam/counterfactual")

    def job(purpose):
        made = f"{judge}/counterfactual_{purpose}.json"
        words, inputs = nircam.comparison(item, purpose)
        more = shlex.join(["--output", made, "--", *nircam.deck_statuses(item)])
        return Job(inputs, [made], f"{words} {more}", [code])

    return together(wildcards.purpose, nircam.counterfactuals(item), job)


def stack_batch(wildcards, output):
    """Return what the job of a product of CCD stacks says of its batch: those of an item."""
    item, ccd = wildcards.item, PIPELINES["ccd"]
    stacked = ccd.stacked(item)

    def job(name):
        lists, made = stacked[name], f"{RESULTS}/{item}/{name}.fits"
        named = len(lists) > 1
        words = [f"--program={name}", f"--output={made}"]
        words += [
            word for role, path in lists.items() for word in ([f"--{role}"] * named + [f"@{path}"])
        ]
        code = program.digest("detector", f"ccd/{name}")
        options = f"{shlex.join(words)} {ccd.options(item, name)}"
        return Job(list(lists.values()), [made], options, [code])

    name = Path(str(output[0])).stem
    # Trial versions, without the frames that are held out, are made alone.
    return together(name, stacked, job) if name in stacked else Batch()


def visit_batch(wildcards, output):
    """Return what the job of a combined visit says of its batch: with and without bad reads."""
    item, wfc3 = wildcards.item, PIPELINES["wfc3"]
    frames, code = f"{RESULTS}/{item}/frames.tsv", program.digest("hst", "wfc3/combine_visit")

    def job(version):
        exposures = f"{RESULTS}/{item}/{version}.list"
        stem = f"{RESULTS}/{item}/{version}_drz"
        made = [f"{stem}_sci.fits", f"{stem}_wht.fits", f"{stem}.json"]
        words = ["--frames", frames, "--output", made[0], "--weight", made[1], "--report", made[2]]
        settings = f"{EXCLUDE} {REFERENCES.cache_option('hst')} {wfc3.combine_options(item)}"
        options = f"{shlex.join(words)} {settings} -- {shlex.quote(f'@{exposures}')}"
        return Job([exposures, frames], made, options, [code])

    return together(wildcards.version, ("original", "reprocessed"), job)


def part_batch(wildcards, output):
    """Return what the job of a part's statistics says of its batch: the parts of an item."""
    item, cgi = wildcards.item, PIPELINES["cgi"]
    options = f"{cgi.options(item, 'stack_statistics')} {cgi.judging_options(item)}"
    code = program.digest("detector", "cgi/stack_statistics")

    def job(made):
        stack, part = Path(made).parent.name, Path(made).stem
        # Its status files are among those of the batch's options, where the program takes them.
        words = f"--output {shlex.quote(made)} {options}"
        inputs = [
            *cgi.part_statuses(item, stack, part),
            *cgi.files(item, "stack_statistics").values(),
        ]
        return Job(inputs, [made], words, [code])

    return together(str(output[0]), cgi.part_statistics(item), job)


def workers(wildcards):
    """Return the threads of a step that works on several exposures of a batch at once."""
    return BATCHES.workers(wildcards.item, wildcards.batch)


def program_of(instrument, name):
    """Return the function that gives the start of the command: rules of a loop run after it."""
    return lambda wildcards, output: program("detector", f"{instrument}/{name}")


def series_of(item):
    """Return the pipeline of an item, which plans its series."""
    return PIPELINES[PLAN.campaign.items[item]["instrument"]]
