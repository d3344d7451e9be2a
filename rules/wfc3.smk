# WFC3/IR: bad reads are found and treated; the visit is combined before and after.
wfc3 = PIPELINES["wfc3"]


include: "wfc3_superdark.smk"


wildcard_constraints:
    version="original|reprocessed",


rule simulate_wfc3_references:
    """Make a CRDS cache for the simulated WFC3 detector: references, mappings, checksums."""
    output:
        f"{RESULTS}/crds/config/hst/server_config",
    log:
        f"{RESULTS}/logs/simulate_wfc3_references.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate_wfc3_references.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
    params:
        settings=lambda wildcards: [
            CAMPAIGN.archive,
            [CAMPAIGN.selection(item) for item in wfc3.items],
            REFERENCES.simulate_options("hst"),
        ],
        place=lambda wildcards, output: REFERENCES.cache_option("hst"),
        code=program.digest("detector", "wfc3/simulate_references"),
    message:
        "Making the references of the simulated WFC3 detector"
    shell:
        program("detector", "wfc3/simulate_references", CAMPAIGN_ARGS) + "{params.place} "
        "{params.settings[2]} > {log:q} 2>&1"


rule calibrate_original:
    """Calibrate an exposure with all its reads: the count rate of each pixel."""
    input:
        exposure=f"{RESULTS}/raw/{{item}}/{{exposure}}.json",
        refusal=f"{RESULTS}/{{item}}/refusals/{{exposure}}.txt",
        references=f"{RESULTS}/{{item}}/references/{{exposure}}.json",
        # Only the exposure's own references trigger a rerun; the cache need only be filled.
        cache=ancient(f"{RESULTS}/crds/hst.tsv"),
    output:
        status=f"{RESULTS}/{{item}}/original/{{exposure}}.json",
    log:
        f"{RESULTS}/logs/calibrate_original/{{item}}/{{exposure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/calibrate_original/{{item}}/{{exposure}}.tsv"
    priority: 6
    conda:
        f"../envs/{wfc3.toolset}.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: wfc3.ramp_memory(wildcards.item, attempt),
    params:
        settings=lambda wildcards: wfc3.options(wildcards.item, "calibrate_original"),
        place=lambda wildcards, output: wfc3.place(),
        code=program.digest(wfc3.toolset, "wfc3/calibrate_original"),
        batch=lambda wildcards, input, output: BATCHES.step(
            wildcards.item,
            [input.exposure, input.refusal, input.references],
            [output.status],
            wfc3.options(wildcards.item, "calibrate_original"),
            EXCLUDE,
            program.digest(wfc3.toolset, "wfc3/calibrate_original"),
        ),
    message:
        "Calibrating {wildcards.item}/{wildcards.exposure} with all its reads"
    shell:
        "{{ {params.batch.came}; }} > {log:q} 2>&1 || "
        + program(wfc3.toolset, "wfc3/calibrate_original", EXCLUDE)
        + "{params.place} {params.settings} {params.batch.options} "
        "--threads {threads} --references {input.references:q} --refusal {input.refusal:q} "
        "--status {output.status:q} {input.exposure:q} > {log:q} 2>&1"


rule read_differences:
    """Measure the sky in each interval between reads: left, right and whole field."""
    input:
        original=f"{RESULTS}/{{item}}/original/{{exposure}}.json",
    output:
        record=f"{RESULTS}/{{item}}/reads/{{exposure}}.json",
    log:
        f"{RESULTS}/logs/read_differences/{{item}}/{{exposure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/read_differences/{{item}}/{{exposure}}.tsv"
    priority: 5
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: wfc3.ramp_memory(wildcards.item, attempt),
    params:
        settings=lambda wildcards: wfc3.options(wildcards.item, "read_differences"),
        code=program.digest("detector", "wfc3/read_differences"),
        batch=lambda wildcards, input, output: BATCHES.step(
            wildcards.item,
            [input.original],
            [output.record],
            wfc3.options(wildcards.item, "read_differences"),
            program.digest("detector", "wfc3/read_differences"),
        ),
    message:
        "Measuring the sky of {wildcards.item}/{wildcards.exposure} read by read"
    shell:
        "{{ {params.batch.came}; }} > {log:q} 2>&1 || "
        + program("detector", "wfc3/read_differences")
        + "{params.settings} {params.batch.options} --output {output.record:q} "
        "{input.original:q} > {log:q} 2>&1"


rule choose_reads:
    """Find the bad reads of an exposure: those with a sky unlike the rest."""
    input:
        differences=f"{RESULTS}/{{item}}/reads/{{exposure}}.json",
    output:
        record=f"{RESULTS}/{{item}}/chosen/{{exposure}}.json",
    log:
        f"{RESULTS}/logs/choose_reads/{{item}}/{{exposure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/choose_reads/{{item}}/{{exposure}}.tsv"
    priority: 4
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    params:
        settings=lambda wildcards: wfc3.choice_options(wildcards.item, wildcards.exposure),
        code=program.digest("detector", "wfc3/choose_reads"),
        batch=lambda wildcards, input, output: BATCHES.step(
            wildcards.item,
            [input.differences],
            [output.record],
            wfc3.choice_options(wildcards.item, wildcards.exposure),
            program.digest("detector", "wfc3/choose_reads"),
        ),
    message:
        "Finding the bad reads of {wildcards.item}/{wildcards.exposure}"
    shell:
        "{{ {params.batch.came}; }} > {log:q} 2>&1 || "
        + program("detector", "wfc3/choose_reads")
        + "{params.settings} {params.batch.options} --output {output.record:q} "
        "{input.differences:q} > {log:q} 2>&1"


rule treat_reads:
    """Calibrate an exposure without its bad reads, or with them corrected."""
    input:
        original=f"{RESULTS}/{{item}}/original/{{exposure}}.json",
        differences=f"{RESULTS}/{{item}}/reads/{{exposure}}.json",
        choice=f"{RESULTS}/{{item}}/chosen/{{exposure}}.json",
        references=f"{RESULTS}/{{item}}/references/{{exposure}}.json",
    output:
        status=f"{RESULTS}/{{item}}/reprocessed/{{exposure}}.json",
        record=f"{RESULTS}/{{item}}/measures/{{exposure}}.json",
    log:
        f"{RESULTS}/logs/treat_reads/{{item}}/{{exposure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/treat_reads/{{item}}/{{exposure}}.tsv"
    priority: 3
    conda:
        f"../envs/{wfc3.toolset}.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2 * wfc3.ramp_memory(wildcards.item, attempt),
    params:
        settings=lambda wildcards: wfc3.options(wildcards.item, "treat_reads"),
        place=lambda wildcards, output: REFERENCES.cache_option("hst"),
        code=program.digest(wfc3.toolset, "wfc3/treat_reads"),
        batch=lambda wildcards, input, output: BATCHES.step(
            wildcards.item,
            [input.original, input.differences, input.choice, input.references],
            [output.status, output.record],
            wfc3.options(wildcards.item, "treat_reads"),
            program.digest(wfc3.toolset, "wfc3/treat_reads"),
        ),
    message:
        "Calibrating {wildcards.item}/{wildcards.exposure}, bad reads treated"
    shell:
        "{{ {params.batch.came}; }} > {log:q} 2>&1 || "
        + program(wfc3.toolset, "wfc3/treat_reads")
        + "{params.place} {params.settings} {params.batch.options} "
        "--threads {threads} --references {input.references:q} "
        "--differences {input.differences:q} --choice {input.choice:q} "
        "--record {output.record:q} --status {output.status:q} {input.original:q} > {log:q} 2>&1"


rule combine_visit:
    """Combine the exposures of a visit with AstroDrizzle."""
    input:
        exposures=lambda wildcards: PLAN.exposure_files(wildcards.item, wildcards.version),
        frames=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        science=f"{RESULTS}/{{item}}/{{version}}_drz_sci.fits",
        weight=f"{RESULTS}/{{item}}/{{version}}_drz_wht.fits",
        report=f"{RESULTS}/{{item}}/{{version}}_drz.json",
    log:
        f"{RESULTS}/logs/combine_visit/{{item}}_{{version}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/combine_visit/{{item}}_{{version}}.tsv"
    conda:
        "../envs/hst.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: wfc3.combine_options(wildcards.item),
        place=lambda wildcards, output: REFERENCES.cache_option("hst"),
        code=program.digest("hst", "wfc3/combine_visit"),
        batch=visit_batch,
    message:
        "Combining the {wildcards.version} exposures of {wildcards.item}"
    shell:
        "{{ {params.batch.came}; }} > {log:q} 2>&1 || "
        + program("hst", "wfc3/combine_visit", EXCLUDE)
        + "{params.batch.options} {params.place} {params.settings} "
        "--frames {input.frames:q} --output {output.science:q} --weight {output.weight:q} "
        "--report {output.report:q} {input.exposures:q} > {log:q} 2>&1"


rule wfc3_figures:
    """Draw the figures of a WFC3/IR item, and describe its products for the report."""
    input:
        unpack(lambda wildcards: wfc3.archive_drz(wildcards.item)),
        originals=lambda wildcards: PLAN.exposure_files(wildcards.item, "original"),
        reprocessed=lambda wildcards: PLAN.exposure_files(wildcards.item, "reprocessed"),
        reads=lambda wildcards: PLAN.exposure_files(wildcards.item, "reads"),
        chosen=lambda wildcards: PLAN.exposure_files(wildcards.item, "chosen"),
        measures=lambda wildcards: PLAN.exposure_files(wildcards.item, "measures"),
        visits=expand(
            f"{RESULTS}/{{{{item}}}}/{{version}}_drz{{part}}",
            version=("original", "reprocessed"),
            part=("_sci.fits", "_wht.fits", ".json"),
        ),
        frames=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        item=f"{RESULTS}/{{item}}/item.json",
        table=f"{RESULTS}/{{item}}/quantities.tsv",
        quantities=f"{RESULTS}/{{item}}/quantities.json",
        figures=directory(f"{RESULTS}/{{item}}/figures"),
    log:
        f"{RESULTS}/logs/wfc3_figures/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/wfc3_figures/{{item}}.tsv"
    wildcard_constraints:
        item="|".join(wfc3.visits) or "(?!)",
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: wfc3.ramp_memory(wildcards.item, attempt),
    params:
        settings=lambda wildcards: wfc3.options(wildcards.item, "figures"),
        place=lambda wildcards, input: wfc3.figure_options(wildcards.item, input),
        code=program.digest("detector", "wfc3/figures"),
    message:
        "Drawing the figures of {wildcards.item}"
    shell:
        program("detector", "wfc3/figures") + "{params.settings} {params.place} "
        "--frames {input.frames:q} --figures {output.figures:q} --output {output.item:q} > {log:q} 2>&1"
