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
    """Calibrate each exposure of a batch with all its reads: the count rate of each pixel."""
    input:
        exposures=f"{RESULTS}/{{item}}/batches/raw/{{batch}}.list",
        references=f"{RESULTS}/{{item}}/batches/references/{{batch}}.list",
        refusals=f"{RESULTS}/{{item}}/refusals.list",
        # Only the exposures' own references trigger a rerun; the cache need only be filled.
        cache=ancient(f"{RESULTS}/crds/hst.tsv"),
    output:
        list=f"{RESULTS}/{{item}}/batches/original/{{batch}}.list",
    log:
        f"{RESULTS}/logs/calibrate_original/{{item}}/{{batch}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/calibrate_original/{{item}}/{{batch}}.tsv"
    conda:
        f"../envs/{wfc3.toolset}.yaml"
    threads: workers
    resources:
        mem_mb=lambda wildcards, threads, attempt: threads
        * wfc3.ramp_memory(wildcards.item, attempt),
    params:
        settings=lambda wildcards: wfc3.options(wildcards.item, "calibrate_original"),
        code=program.digest(wfc3.toolset, "wfc3/calibrate_original"),
        place=lambda wildcards, output: wfc3.place(),
        batch=lambda wildcards, output: BATCHES.step(
            wfc3.options(wildcards.item, "calibrate_original"),
            EXCLUDE,
            program.digest(wfc3.toolset, "wfc3/calibrate_original"),
        ),
        names=lambda wildcards, output: BATCHES.names(wildcards.item, wildcards.batch),
        files=lambda wildcards, output: BATCHES.files(
            wildcards.item,
            wildcards.batch,
            f"raw/{wildcards.item}/{{}}.json",
            refusal="refusals/{}.txt",
            references="references/{}.json",
            status="original/{}.json",
        ),
    message:
        "Calibrating {wildcards.item} with all its reads, batch {wildcards.batch}"
    shell:
        program(wfc3.toolset, "wfc3/calibrate_original", EXCLUDE)
        + "{params.place} {params.settings} {params.batch} --names {params.names:q} "
        "--made {output.list:q} --workers {threads} {params.files} > {log:q} 2>&1"


rule read_differences:
    """Measure the sky in each interval between reads: left, right and whole field."""
    input:
        exposures=f"{RESULTS}/{{item}}/batches/original/{{batch}}.list",
    output:
        list=f"{RESULTS}/{{item}}/batches/reads/{{batch}}.list",
    log:
        f"{RESULTS}/logs/read_differences/{{item}}/{{batch}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/read_differences/{{item}}/{{batch}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: workers
    resources:
        mem_mb=lambda wildcards, threads, attempt: threads
        * wfc3.ramp_memory(wildcards.item, attempt),
    params:
        settings=lambda wildcards: wfc3.options(wildcards.item, "read_differences"),
        code=program.digest("detector", "wfc3/read_differences"),
        batch=lambda wildcards, output: BATCHES.step(
            wfc3.options(wildcards.item, "read_differences"),
            program.digest("detector", "wfc3/read_differences"),
        ),
        names=lambda wildcards, output: BATCHES.names(wildcards.item, wildcards.batch),
        files=lambda wildcards, output: BATCHES.files(
            wildcards.item,
            wildcards.batch,
            f"{wildcards.item}/original/{{}}.json",
            output="reads/{}.json",
        ),
    message:
        "Measuring the sky of {wildcards.item} read by read, batch {wildcards.batch}"
    shell:
        program("detector", "wfc3/read_differences")
        + "{params.settings} {params.batch} --names {params.names:q} "
        "--made {output.list:q} --workers {threads} {params.files} > {log:q} 2>&1"


rule choose_reads:
    """Find the bad reads of each exposure of a batch: those with a sky unlike the rest."""
    input:
        exposures=f"{RESULTS}/{{item}}/batches/reads/{{batch}}.list",
    output:
        list=f"{RESULTS}/{{item}}/batches/chosen/{{batch}}.list",
    log:
        f"{RESULTS}/logs/choose_reads/{{item}}/{{batch}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/choose_reads/{{item}}/{{batch}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    params:
        settings=lambda wildcards: wfc3.choice_options(wildcards.item),
        own=lambda wildcards: wfc3.own_choices(
            wildcards.item, BATCHES.of(wildcards.item, wildcards.batch)
        ),
        code=program.digest("detector", "wfc3/choose_reads"),
        batch=lambda wildcards, output: BATCHES.step(
            wfc3.choice_options(wildcards.item),
            program.digest("detector", "wfc3/choose_reads"),
            own=wfc3.own_choices(wildcards.item, BATCHES.of(wildcards.item, wildcards.batch)),
        ),
        names=lambda wildcards, output: BATCHES.names(wildcards.item, wildcards.batch),
        files=lambda wildcards, output: BATCHES.files(
            wildcards.item,
            wildcards.batch,
            f"{wildcards.item}/reads/{{}}.json",
            output="chosen/{}.json",
        ),
    message:
        "Finding the bad reads of {wildcards.item}, batch {wildcards.batch}"
    shell:
        program("detector", "wfc3/choose_reads")
        + "{params.settings} {params.batch} --names {params.names:q} "
        "--made {output.list:q} --workers {threads} {params.files} > {log:q} 2>&1"


rule treat_reads:
    """Calibrate each exposure of a batch without its bad reads, or with them corrected."""
    input:
        exposures=f"{RESULTS}/{{item}}/batches/original/{{batch}}.list",
        differences=f"{RESULTS}/{{item}}/batches/reads/{{batch}}.list",
        chosen=f"{RESULTS}/{{item}}/batches/chosen/{{batch}}.list",
        references=f"{RESULTS}/{{item}}/batches/references/{{batch}}.list",
    output:
        list=f"{RESULTS}/{{item}}/batches/reprocessed/{{batch}}.list",
        records=f"{RESULTS}/{{item}}/batches/measures/{{batch}}.list",
    log:
        f"{RESULTS}/logs/treat_reads/{{item}}/{{batch}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/treat_reads/{{item}}/{{batch}}.tsv"
    conda:
        f"../envs/{wfc3.toolset}.yaml"
    threads: workers
    resources:
        mem_mb=lambda wildcards, threads, attempt: (
            2 * threads * wfc3.ramp_memory(wildcards.item, attempt)
        ),
    params:
        settings=lambda wildcards: wfc3.options(wildcards.item, "treat_reads"),
        code=program.digest(wfc3.toolset, "wfc3/treat_reads"),
        place=lambda wildcards, output: REFERENCES.cache_option("hst"),
        batch=lambda wildcards, output: BATCHES.step(
            wfc3.options(wildcards.item, "treat_reads"),
            program.digest(wfc3.toolset, "wfc3/treat_reads"),
        ),
        names=lambda wildcards, output: BATCHES.names(wildcards.item, wildcards.batch),
        files=lambda wildcards, output: BATCHES.files(
            wildcards.item,
            wildcards.batch,
            f"{wildcards.item}/original/{{}}.json",
            references="references/{}.json",
            differences="reads/{}.json",
            choice="chosen/{}.json",
            record="measures/{}.json",
            status="reprocessed/{}.json",
        ),
    message:
        "Calibrating {wildcards.item}, bad reads treated, batch {wildcards.batch}"
    shell:
        program(wfc3.toolset, "wfc3/treat_reads")
        + "{params.place} {params.settings} {params.batch} --names {params.names:q} "
        "--made {output.list:q} {output.records:q} --workers {threads} {params.files} > {log:q} 2>&1"


rule combine_visit:
    """Combine the exposures of a visit with AstroDrizzle."""
    input:
        exposures=f"{RESULTS}/{{item}}/{{version}}.list",
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
        "--report {output.report:q} @{input.exposures:q} > {log:q} 2>&1"


rule wfc3_figures:
    """Draw the figures of a WFC3/IR item, and describe its products for the report."""
    input:
        unpack(lambda wildcards: wfc3.archive_drz(wildcards.item)),
        originals=f"{RESULTS}/{{item}}/original.list",
        reprocessed=f"{RESULTS}/{{item}}/reprocessed.list",
        reads=f"{RESULTS}/{{item}}/reads.list",
        chosen=f"{RESULTS}/{{item}}/chosen.list",
        measures=f"{RESULTS}/{{item}}/measures.list",
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
        place=lambda wildcards: wfc3.figure_options(wildcards.item),
        code=program.digest("detector", "wfc3/figures"),
    message:
        "Drawing the figures of {wildcards.item}"
    shell:
        program("detector", "wfc3/figures") + "{params.settings} {params.place} "
        "--frames {input.frames:q} --figures {output.figures:q} --output {output.item:q} > {log:q} 2>&1"
