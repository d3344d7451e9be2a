# NIRCam darks: superbias and read noise reference files.
nircam = PIPELINES["nircam"]


include: "nircam_noise.smk"
include: "nircam_dark.smk"


wildcard_constraints:
    purpose="superbias|readnoise|noise|dark|mask|gain",


rule simulate_references:
    """Make a CRDS cache for the simulated detectors: references, mappings, checksums."""
    output:
        f"{RESULTS}/crds/config/jwst/server_config",
    log:
        f"{RESULTS}/logs/simulate_references.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate_references.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        settings=lambda wildcards: [
            CAMPAIGN.archive,
            [CAMPAIGN.selection(item) for item in nircam.items],
            REFERENCES.simulate_options("jwst"),
        ],
        place=lambda wildcards, output: REFERENCES.cache_option("jwst"),
        code=program.digest("detector", "nircam/simulate_references"),
    message:
        "Making the references of the simulated NIRCam detectors"
    shell:
        program("detector", "nircam/simulate_references", CAMPAIGN_ARGS) + "{params.place} "
        "{params.settings[2]} > {log:q} 2>&1"


rule calibrate:
    """Run steps of the JWST pipeline on each exposure of a batch."""
    input:
        unpack(lambda wildcards: nircam.superbias_made(wildcards.item, wildcards.purpose)),
        exposures=f"{RESULTS}/{{item}}/batches/raw/{{batch}}.list",
        references=f"{RESULTS}/{{item}}/batches/references/{{batch}}.list",
        refusals=f"{RESULTS}/{{item}}/refusals.list",
        # Only the exposures' own references trigger a rerun; the cache need only be filled.
        cache=ancient(f"{RESULTS}/crds/jwst.tsv"),
    output:
        list=f"{RESULTS}/{{item}}/batches/calibrated_{{purpose}}/{{batch}}.list",
    log:
        f"{RESULTS}/logs/calibrate/{{item}}/{{purpose}}/{{batch}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/calibrate/{{item}}/{{purpose}}/{{batch}}.tsv"
    conda:
        "../envs/jwst.yaml"
    threads: workers
    resources:
        mem_mb=lambda wildcards, threads, attempt: threads
        * nircam.ramp_memory(wildcards.item, attempt),
    params:
        settings=lambda wildcards: nircam.calibrate_options(wildcards.item, wildcards.purpose),
        place=lambda wildcards, output: nircam.place(),
        superbias=lambda wildcards, input: named_options(input, "superbias"),
        code=program.digest("jwst", "nircam/calibrate"),
        batch=lambda wildcards, input, output: BATCHES.step(
            nircam.calibrate_options(wildcards.item, wildcards.purpose),
            EXCLUDE,
            program.digest("jwst", "nircam/calibrate"),
            shared=nircam.superbias_made(wildcards.item, wildcards.purpose).values(),
        ),
        names=lambda wildcards, output: BATCHES.names(wildcards.item, wildcards.batch),
        files=lambda wildcards, output: BATCHES.files(
            wildcards.item,
            wildcards.batch,
            f"raw/{wildcards.item}/{{}}.json",
            refusal="refusals/{}.txt",
            references="references/{}.json",
            status=f"calibrated/{wildcards.purpose}/{{}}.json",
        ),
    message:
        "Calibrating {wildcards.item} for the {wildcards.purpose}, batch {wildcards.batch}"
    shell:
        program("jwst", "nircam/calibrate", EXCLUDE) + "{params.place} --maker {params.code} "
        "{params.superbias} {params.settings} {params.batch} --names {params.names:q} "
        "--made {output.list:q} --workers {threads} {params.files} > {log:q} 2>&1"


rule check_ramps:
    """Check the exposures of an item for a product, and list their ramps: none is calibrated."""
    input:
        unpack(lambda wildcards: nircam.superbias_made(wildcards.item, wildcards.purpose)),
        unpack(lambda wildcards: nircam.ramps_by_pipeline(wildcards.item, wildcards.purpose)),
        exposures=f"{RESULTS}/{{item}}/statuses.list",
        refusals=f"{RESULTS}/{{item}}/refusals.list",
        references=f"{RESULTS}/{{item}}/references.list",
        frames=f"{RESULTS}/{{item}}/frames.tsv",
        cache=ancient(f"{RESULTS}/crds/jwst.tsv"),
    output:
        folder=directory(f"{RESULTS}/{{item}}/ramps/{{purpose}}"),
        list=f"{RESULTS}/{{item}}/{{purpose}}_ramps.list",
        statuses=f"{RESULTS}/{{item}}/{{purpose}}_statuses.list",
    log:
        f"{RESULTS}/logs/check_ramps/{{item}}_{{purpose}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/check_ramps/{{item}}_{{purpose}}.tsv"
    wildcard_constraints:
        item=nircam.only_items_by("builtin", "both"),
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: nircam.check_options(wildcards.item, wildcards.purpose),
        judged=lambda wildcards: nircam.judged_options(wildcards.item),
        place=lambda wildcards, output: nircam.place(),
        superbias=lambda wildcards, input: named_options(input, "superbias"),
        against=lambda wildcards: nircam.against(wildcards.item, f"calibrated/{wildcards.purpose}"),
        code=program.digest("detector", "nircam/check_ramps"),
    message:
        "Checking the ramps of {wildcards.item} for the {wildcards.purpose}"
    shell:
        "cp -- {input.exposures:q} {output.statuses:q} && "
        + program("detector", "nircam/check_ramps", EXCLUDE)
        + "{params.judged} --frames {input.frames:q} --list {output.list:q} "
        "--output {output.folder:q} {params.place} {params.superbias} {params.against} "
        "{params.settings} -- @{output.statuses:q} > {log:q} 2>&1"


rule ramp_list:
    """List the calibrated ramps that are used for a product."""
    input:
        statuses=lambda wildcards: nircam.calibrated(wildcards.item, wildcards.purpose),
        frames=f"{RESULTS}/{{item}}/frames.tsv",
    output:
        statuses=f"{RESULTS}/{{item}}/{{purpose}}_statuses.list",
        list=f"{RESULTS}/{{item}}/{{purpose}}_ramps.list",
    log:
        f"{RESULTS}/logs/ramp_list/{{item}}_{{purpose}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/ramp_list/{{item}}_{{purpose}}.tsv"
    wildcard_constraints:
        item=nircam.only_items_by("jwst"),
    localrule: True
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    params:
        code=program.digest("detector", "nircam/ramp_list"),
    message:
        "Listing the ramps of {wildcards.item} for the {wildcards.purpose}"
    shell:
        r"printf '%s\0' {input.statuses:q} | xargs -0 cat -- > {output.statuses:q} && "
        + program("detector", "nircam/ramp_list")
        + "--frames {input.frames:q} --output {output.list:q} @{output.statuses:q} > {log:q} 2>&1"


rule previous:
    """Get the reference file that CRDS has for an item's exposures, to compare with."""
    input:
        references=f"{RESULTS}/{{item}}/references.list",
        cache=ancient(f"{RESULTS}/crds/jwst.tsv"),
    output:
        f"{RESULTS}/{{item}}/previous_{{purpose}}.fits",
    log:
        f"{RESULTS}/logs/previous/{{item}}_{{purpose}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/previous/{{item}}_{{purpose}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    params:
        place=lambda wildcards, output: REFERENCES.place("jwst"),
        code=program.digest("detector", "nircam/previous"),
    message:
        "Getting the {wildcards.purpose} that CRDS has for {wildcards.item}"
    shell:
        program("detector", "nircam/previous") + "{params.place} --kind {wildcards.purpose:q} "
        "--output {output:q} @{input.references:q} > {log:q} 2>&1"


rule superbias:
    """Make the superbias: the level of each pixel after its reset, and its uncertainty."""
    input:
        unpack(lambda wildcards: nircam.previous(wildcards.item, "superbias")),
        ramps=f"{RESULTS}/{{item}}/superbias_ramps.list",
    output:
        reference=f"{RESULTS}/{{item}}/superbias.fits",
        details=f"{RESULTS}/{{item}}/superbias_details.fits",
        quantities=f"{RESULTS}/{{item}}/superbias.json",
    log:
        f"{RESULTS}/logs/superbias/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/superbias/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
    params:
        settings=lambda wildcards: nircam.options(wildcards.item, "superbias"),
        more=lambda wildcards, input, output: nircam.product_options(input, output),
        code=program.digest("detector", "nircam/superbias"),
    message:
        "Making the superbias of {wildcards.item}"
    shell:
        program("detector", "nircam/superbias") + "--keep --output {output.reference:q} "
        "--details {output.details:q} --threads {threads} "
        "{params.settings} {params.more} @{input.ramps:q} > {log:q} 2>&1"


use rule superbias as superbias_other with:
    input:
        ramps=f"{RESULTS}/{{item}}/superbias_ramps.list",
    output:
        reference=f"{RESULTS}/{{item}}/superbias_other.fits",
        details=f"{RESULTS}/{{item}}/superbias_other_details.fits",
    log:
        f"{RESULTS}/logs/superbias_other/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/superbias_other/{{item}}.tsv"
    params:
        settings=lambda wildcards: nircam.other_options(wildcards.item, "superbias"),
        more="",
        code=program.digest("detector", "nircam/superbias"),
    message:
        "Making the superbias of {wildcards.item} by the second method"


rule readnoise:
    """Measure the read noise of each pixel from dark ramps."""
    input:
        unpack(lambda wildcards: nircam.previous(wildcards.item, "readnoise")),
        ramps=f"{RESULTS}/{{item}}/readnoise_ramps.list",
    output:
        reference=f"{RESULTS}/{{item}}/readnoise.fits",
        details=f"{RESULTS}/{{item}}/readnoise_details.fits",
        quantities=f"{RESULTS}/{{item}}/readnoise.json",
    log:
        f"{RESULTS}/logs/readnoise/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/readnoise/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
    params:
        settings=lambda wildcards: nircam.options(wildcards.item, "readnoise"),
        more=lambda wildcards, input, output: nircam.product_options(input, output),
        code=program.digest("detector", "nircam/readnoise"),
    message:
        "Measuring the read noise of {wildcards.item}"
    shell:
        program("detector", "nircam/readnoise") + "--keep --output {output.reference:q} "
        "--details {output.details:q} --threads {threads} "
        "{params.settings} {params.more} @{input.ramps:q} > {log:q} 2>&1"


use rule readnoise as readnoise_other with:
    input:
        ramps=f"{RESULTS}/{{item}}/readnoise_ramps.list",
    output:
        reference=f"{RESULTS}/{{item}}/readnoise_other.fits",
        details=f"{RESULTS}/{{item}}/readnoise_other_details.fits",
    log:
        f"{RESULTS}/logs/readnoise_other/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/readnoise_other/{{item}}.tsv"
    params:
        settings=lambda wildcards: nircam.other_options(wildcards.item, "readnoise"),
        more="",
        code=program.digest("detector", "nircam/readnoise"),
    message:
        "Measuring the read noise of {wildcards.item} by the second method"


rule certify:
    """Certify a reference file with CRDS."""
    input:
        reference=f"{RESULTS}/{{item}}/{{purpose}}.fits",
        cache=ancient(f"{RESULTS}/crds/jwst.tsv"),
    output:
        said=f"{RESULTS}/{{item}}/{{purpose}}.certified",
        rules=f"{RESULTS}/{{item}}/{{purpose}}_rules.json",
    log:
        f"{RESULTS}/logs/certify/{{item}}_{{purpose}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/certify/{{item}}_{{purpose}}.tsv"
    conda:
        "../envs/jwst.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
    params:
        settings=lambda wildcards: REFERENCES.context_option("jwst"),
        place=lambda wildcards, output: REFERENCES.place("jwst"),
        simulated="--simulated" if PLAN.simulated else "",
        code=program.digest("jwst", "references/certify"),
    message:
        "Certifying the {wildcards.purpose} of {wildcards.item} with CRDS"
    shell:
        program("jwst", "references/certify")
        + "{params.place} {params.settings} {params.simulated} --output {output.said:q} "
        "--rules {output.rules:q} "
        "{input.reference:q} > {log:q} 2>&1"


rule nircam_truth:
    """Compare the products of simulated darks with the truth."""
    input:
        unpack(lambda wildcards: nircam.dark_files(wildcards.item)),
        superbias=[f"{RESULTS}/{{item}}/superbias{kind}.fits" for kind in ("", "_details")],
        readnoise=[f"{RESULTS}/{{item}}/readnoise{kind}.fits" for kind in ("", "_details")],
        ramps=f"{RESULTS}/{{item}}/superbias_ramps.list",
    output:
        truth=f"{RESULTS}/{{item}}/truth.fits",
        comparison=f"{RESULTS}/{{item}}/truth.json",
    log:
        f"{RESULTS}/logs/nircam_truth/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/nircam_truth/{{item}}.tsv"
    wildcard_constraints:
        item=PLAN.only_items_of("nircam"),
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: PLAN.image_memory(wildcards.item, attempt, 300),
    params:
        settings=lambda wildcards: nircam.truth_settings(wildcards.item),
        truth=f"{RESULTS}/raw/{{item}}/truth",
        products=lambda wildcards, input: input_options(
            input, {"dark": "--dark ", "mask": "--mask "}
        ),
        code=program.digest("detector", "nircam/truth"),
    message:
        "Comparing the products of {wildcards.item} with the truth"
    shell:
        program("detector", "nircam/truth", CAMPAIGN_ARGS) + "--item {wildcards.item:q} "
        "--superbias {input.superbias:q} --readnoise {input.readnoise:q} {params.products} "
        "--truth {params.truth:q} --output {output.truth:q} --comparison {output.comparison:q} "
        "@{input.ramps:q} > {log:q} 2>&1"


rule nircam_figures:
    """Draw the figures of a NIRCam item, and describe its products for the report."""
    input:
        unpack(lambda wildcards: nircam.figure_inputs(wildcards.item)),
        superbias=[f"{RESULTS}/{{item}}/superbias{kind}.fits" for kind in ("", "_details")],
        readnoise=[f"{RESULTS}/{{item}}/readnoise{kind}.fits" for kind in ("", "_details")],
        quantities=lambda wildcards: nircam.quantities(wildcards.item),
        rules=lambda wildcards: nircam.rules_files(wildcards.item),
    output:
        item=f"{RESULTS}/{{item}}/item.json",
        quantities=f"{RESULTS}/{{item}}/quantities.json",
        figures=directory(f"{RESULTS}/{{item}}/figures"),
    log:
        f"{RESULTS}/logs/nircam_figures/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/nircam_figures/{{item}}.tsv"
    wildcard_constraints:
        item=PLAN.only_items_of("nircam"),
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        settings=lambda wildcards, input: nircam.figure_options(wildcards.item, input),
        code=program.digest("detector", "nircam/figures"),
    message:
        "Drawing the figures of {wildcards.item}"
    shell:
        program("detector", "nircam/figures") + "--superbias {input.superbias:q} "
        "--readnoise {input.readnoise:q} --rules {input.rules:q} {params.settings} "
        "--quantities {input.quantities:q} --merged {output.quantities:q} "
        "--figures {output.figures:q} --output {output.item:q} > {log:q} 2>&1"
