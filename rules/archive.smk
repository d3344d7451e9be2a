# Exposures: query the archive, fetch and verify them, list them, pin their checksums.
from darkroom.campaign.pins import disagreement
from darkroom.provenance import settings_digest


rule lock:
    """Query the archive for the exposures of the campaign, and write its lock."""
    log:
        f"{RESULTS}/logs/lock.log",
    localrule: True
    conda:
        f"../envs/{ARRIVALS.toolset}.yaml"
    message:
        f"Querying the archive for the exposures of campaign {CAMPAIGN.name}"
    shell:
        program(
            ARRIVALS.toolset,
            "archive/lock",
            CAMPAIGN_ARGS,
            FOLDER_ARGS,
            "--replace" if config.get("replace_lock") else "",
        )
        + "2>&1 | tee {log:q}"


rule draft:
    """Draft a campaign from a folder: snakemake draft --config folder=PATH [name=NAME]."""
    log:
        f"{ALL_RESULTS}/logs/draft.log",
    localrule: True
    conda:
        "../envs/detector.yaml"
    params:
        folder=str(config.get("folder", "")),
        name=f"--name={shlex.quote(str(config['name']))}" if config.get("name") else "",
    message:
        "Reading the headers of the exposures in {params.folder}"
    shell:
        program("detector", "archive/draft")
        + "{params.name} -- {params.folder:q} 2>&1 | tee {log:q}"


rule fetch:
    """Fetch a batch of exposures, read each to the last byte, and record whether it is accepted."""
    output:
        list=f"{RESULTS}/{{item}}/batches/raw/{{batch}}.list",
    log:
        f"{RESULTS}/logs/fetch/{{item}}/{{batch}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fetch/{{item}}/{{batch}}.tsv"
    # What cannot be had is told before much is made of the rest.
    priority: 9
    localrule: ARRIVALS.remote
    conda:
        f"../envs/{ARRIVALS.toolset}.yaml"
    threads: lambda wildcards: 1 if ARRIVALS.remote else workers(wildcards)
    resources:
        mem_mb=lambda wildcards, threads, attempt: 1000 * attempt * threads,
    params:
        settings=lambda wildcards: ARRIVALS.fetch_settings(
            wildcards.item, BATCHES.of(wildcards.item, wildcards.batch)
        ),
        code=ARRIVALS.code,
        # They take `output`, so Snakemake does not compare them with those of earlier runs.
        names=lambda wildcards, output: BATCHES.names(wildcards.item, wildcards.batch),
        folder=lambda wildcards, output: f"{RESULTS}/raw",
    message:
        "Fetching {wildcards.item}, batch {wildcards.batch}"
    shell:
        program(
            ARRIVALS.toolset,
            "archive/fetch",
            CAMPAIGN_ARGS,
            FOLDER_ARGS,
            ARRIVALS.maker_option,
        )
        + "--code {params.code:q} --item {wildcards.item:q} --names {params.names:q} --workers {threads} "
        "--folder-of-items {params.folder:q} --output {output.list:q} > {log:q} 2>&1"


rule status_list:
    """List the status files of an item's exposures, each with its SHA-256."""
    input:
        lists=lambda wildcards: BATCHES.lists(wildcards.item, "raw"),
    output:
        list=f"{RESULTS}/{{item}}/statuses.list",
    log:
        f"{RESULTS}/logs/status_list/{{item}}.log",
    localrule: True
    conda:
        "../envs/detector.yaml"
    params:
        # Batches of groups stay as they are when the lock names the exposures in another order.
        order=lambda wildcards: settings_digest(
            {"order": [row.exposure for row in PLAN.exposures(wildcards.item)]}
        ),
        # awk takes the name x=1/night.lock.tsv for a variable, but no absolute one.
        lock=lambda wildcards, output: str(CAMPAIGN.lock_path.absolute()),
        folder=lambda wildcards, output: f"{RESULTS}/raw/{wildcards.item}",
    message:
        "Listing the exposures of {wildcards.item}"
    # In the order of the lock: batches may hold the exposures in another.
    shell:
        r"printf '%s\0' {input.lists:q} | xargs -0 cat -- 2> {log:q} | "
        r"folder={params.folder:q} awk -F '\t' -v item={wildcards.item:q} -v err=/dev/stderr "
        r"""'NR == FNR {{if (substr($0, 1, 1) != "#" && heads++ && $1 == item) """
        r"""order[++n] = sprintf("%s/%s.json", ENVIRON["folder"], $3); next}} """
        r"""substr($0, 1, 9) == "# sha256 " {{sum = $0; next}} {{sums[$0] = sum}} """
        r"""END {{for (k = 1; k <= n; k++) {{if (!(order[k] in sums)) """
        r"""{{print "ERROR no batch lists " order[k] > err; exit 1}} """
        r"""print sums[order[k]] "\n" order[k]}}}}' """
        r"{params.lock:q} - 2>> {log:q} > {output.list:q}"


rule step_list:
    """List what a step has made of an item's exposures, each with its SHA-256."""
    input:
        lists=lambda wildcards: BATCHES.lists(wildcards.item, wildcards.step),
    output:
        list=f"{RESULTS}/{{item}}/{{step}}.list",
    log:
        f"{RESULTS}/logs/step_list/{{item}}_{{step}}.log",
    wildcard_constraints:
        step=r"references|original|reads|chosen|reprocessed|measures|calibrated_[a-z_]+",
    localrule: True
    conda:
        "../envs/detector.yaml"
    message:
        "Listing what is made of the exposures of {wildcards.item}: {wildcards.step}"
    shell:
        r"printf '%s\0' {input.lists:q} | xargs -0 cat -- 2> {log:q} > {output.list:q}"


rule frames:
    """Judge the exposures of an item: which are used, which are not, and why."""
    input:
        list=f"{RESULTS}/{{item}}/statuses.list",
    output:
        table=f"{RESULTS}/{{item}}/frames.tsv",
        judgements=f"{RESULTS}/{{item}}/judgements.tsv",
    log:
        f"{RESULTS}/logs/frames/{{item}}.log",
    # What it refuses is to be fetched again: a second attempt would miss that, and say so instead.
    retries: 0
    localrule: True
    conda:
        "../envs/detector.yaml"
    params:
        settings=EXCLUDE,
        judge=lambda wildcards: PLAN.judge_options(wildcards.item),
        code=lambda wildcards: program.digest(
            "detector", "archive/frames", PLAN.judging_module(wildcards.item)
        ),
    message:
        "Judging the exposures of {wildcards.item}"
    shell:
        program("detector", "archive/frames") + "--item {wildcards.item:q} {params.settings} "
        "{params.judge} --judgements {output.judgements:q} "
        "--output {output.table:q} @{input.list:q} > {log:q} 2>&1"


rule refusals:
    """Write why the judgement of an item refuses exposures; nothing for one that it does not."""
    input:
        frames=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        list=f"{RESULTS}/{{item}}/refusals.list",
    log:
        f"{RESULTS}/logs/refusals/{{item}}.log",
    localrule: True
    conda:
        "../envs/detector.yaml"
    params:
        folder=lambda wildcards, output: f"{RESULTS}/{wildcards.item}/refusals",
        code=program.digest("detector", "archive/refusals"),
    message:
        "Which exposures of {wildcards.item} are refused?"
    shell:
        program("detector", "archive/refusals") + "--folder {params.folder:q} "
        "--output {output.list:q} {input.frames:q} > {log:q} 2>&1"


rule role_list:
    """List the accepted frames of one role (bias, dark, flat, science or exposure)."""
    input:
        table=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        list=f"{RESULTS}/{{item}}/{{role}}.list",
    log:
        f"{RESULTS}/logs/role_list/{{item}}_{{role}}.log",
    # Before the products: the first of them takes others along, whose lists must be there.
    priority: 7
    localrule: True
    conda:
        "../envs/detector.yaml"
    params:
        code=program.digest("detector", "archive/role_list"),
    message:
        "Listing the {wildcards.role} frames of {wildcards.item}"
    shell:
        program("detector", "archive/role_list") + "--role {wildcards.role:q} "
        "--output {output.list:q} {input.table:q} > {log:q} 2>&1"


rule pins:
    """Record the SHA-256 of every accepted exposure and reference beside the lock (pins)."""
    input:
        lists=expand(f"{RESULTS}/{{item}}/statuses.list", item=CAMPAIGN.items),
        # A judgement that stops its item removes status files: a job that needs them all and started
        # after that would end the run of every other item.
        judged=expand(f"{RESULTS}/{{item}}/frames.tsv", item=CAMPAIGN.items),
        references=lambda wildcards: REFERENCES.tables(),
    output:
        pins=f"{RESULTS}/pins.tsv",
    log:
        f"{RESULTS}/logs/pins.log",
    localrule: True
    conda:
        "../envs/detector.yaml"
    params:
        # Pins from a checkout that contradict the files here rerun the rule, which reports them.
        disagreement=or_exit(disagreement, CAMPAIGN.pins_path, f"{RESULTS}/pins.tsv"),
        code=program.digest("detector", "archive/pins"),
    message:
        "Pinning the checksums of every exposure and reference"
    shell:
        program(
            "detector",
            "archive/pins",
            f"--pins={shlex.quote(str(CAMPAIGN.pins_path))}",
            ARRIVALS.maker_option,
        )
        + "--references {input.references:q} --output {output.pins:q} "
        "@<(printf '@%s\\n' {input.lists:q}) > {log:q} 2>&1"


rule exposures:
    """Fetch and verify every exposure of the campaign; make no products."""
    input:
        expand(f"{RESULTS}/{{item}}/frames.tsv", item=CAMPAIGN.items),
    localrule: True
    message:
        f"The exposures of campaign {CAMPAIGN.name} are here: {RESULTS}/raw"
