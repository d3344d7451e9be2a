# NIRCam darks: noise spectrum, stability of reference pixels, corrections that use them.
from darkroom.nircam.pipeline import measured_options
from darkroom.nircam.planning import correction_options


wildcard_constraints:
    correction="top_bottom|side|sirs|optimal",


rule noise_spectrum:
    """Measure the noise spectrum: white noise, 1/f noise common to and of each amplifier."""
    input:
        unpack(lambda wildcards: nircam.previous_epoch(wildcards.item, "spectrum")),
        ramps=lambda wildcards: nircam.noise_ramps(wildcards.item),
    output:
        product=f"{RESULTS}/{{item}}/noise_spectrum.fits",
        table=f"{RESULTS}/{{item}}/noise_spectrum.csv",
        fit=f"{RESULTS}/{{item}}/noise_spectrum_fit.csv",
        quantities=f"{RESULTS}/{{item}}/noise_spectrum.json",
    log:
        f"{RESULTS}/logs/noise_spectrum/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/noise_spectrum/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
    params:
        settings=lambda wildcards, input: nircam.spectrum_options(wildcards.item, input),
        code=program.digest("detector", "nircam/noise_spectrum"),
    message:
        "Measuring the noise spectrum of {wildcards.item}"
    shell:
        program("detector", "nircam/noise_spectrum") + "--keep --output {output.product:q} "
        "--table {output.table:q} --fit {output.fit:q} --quantities {output.quantities:q} "
        "--threads {threads} {params.settings} @{input.ramps:q} > {log:q} 2>&1"


rule series_spectrum:
    """Fit the noise spectrum of the epochs of a series, or of its current segment."""
    input:
        unpack(lambda wildcards: nircam.all_states(wildcards.item, "spectrum")),
    output:
        product=f"{RESULTS}/{{item}}/spectrum_series.fits",
    log:
        f"{RESULTS}/logs/series_spectrum/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/series_spectrum/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
    params:
        settings=lambda wildcards, input: nircam.segment_options(input, "spectrum"),
        code=program.digest("detector", "nircam/series_spectrum"),
    message:
        "Fitting the noise spectrum of the epochs of {wildcards.item}"
    shell:
        program("detector", "nircam/series_spectrum") + "{input.states:q} {params.settings} "
        "--output {output.product:q} > {log:q} 2>&1"


rule reference_pixels:
    """Measure how well reference pixels track the active ones, and flag the bad ones."""
    input:
        unpack(lambda wildcards: nircam.previous_epoch(wildcards.item, "reference_pixels")),
        ramps=lambda wildcards: nircam.noise_ramps(wildcards.item),
        spectrum=f"{RESULTS}/{{item}}/noise_spectrum.fits",
    output:
        product=f"{RESULTS}/{{item}}/reference_pixels.fits",
        table=f"{RESULTS}/{{item}}/reference_pixels.csv",
        best=f"{RESULTS}/{{item}}/best_side.json",
        quantities=f"{RESULTS}/{{item}}/reference_pixels.json",
    log:
        f"{RESULTS}/logs/reference_pixels/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/reference_pixels/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        settings=lambda wildcards: nircam.options(wildcards.item, "reference_pixels"),
        previous=lambda wildcards, input: named_options(input, "previous"),
        code=program.digest("detector", "nircam/reference_pixels"),
    message:
        "Measuring the reference pixels of {wildcards.item}"
    shell:
        program("detector", "nircam/reference_pixels") + "--keep --spectrum {input.spectrum:q} "
        "--output {output.product:q} --table {output.table:q} --best-side {output.best:q} "
        "--quantities {output.quantities:q} {params.previous} {params.settings} "
        "@{input.ramps:q} > {log:q} 2>&1"


rule sirs_kernel:
    """Write the SIRS kernels (weights of the side reference pixels) for the JWST pipeline."""
    input:
        f"{RESULTS}/{{item}}/reference_pixels.fits",
    output:
        f"{RESULTS}/{{item}}/sirs_kernel.asdf",
    log:
        f"{RESULTS}/logs/sirs_kernel/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sirs_kernel/{{item}}.tsv"
    conda:
        "../envs/jwst.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    params:
        code=program.digest("jwst", "nircam/sirs_kernel"),
    message:
        "Writing the SIRS kernels of {wildcards.item}"
    shell:
        program("jwst", "nircam/sirs_kernel") + "--output {output:q} {input:q} > {log:q} 2>&1"


rule correct:
    """Apply one reference pixel correction to exposures of an item."""
    input:
        unpack(lambda wildcards: nircam.correct_inputs(wildcards.item, wildcards.correction)),
        exposures=lambda wildcards: BATCHES.lists_of(
            wildcards.item, "raw", nircam.compared_exposures(wildcards.item)
        ),
        references=lambda wildcards: BATCHES.lists_of(
            wildcards.item, "references", nircam.compared_exposures(wildcards.item)
        ),
        refusals=f"{RESULTS}/{{item}}/refusals.list",
        cache=ancient(f"{RESULTS}/crds/jwst.tsv"),
    output:
        list=f"{RESULTS}/{{item}}/corrected/{{correction}}.list",
    log:
        f"{RESULTS}/logs/correct/{{item}}/{{correction}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/correct/{{item}}/{{correction}}.tsv"
    conda:
        "../envs/jwst.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: nircam.ramp_memory(wildcards.item, attempt),
    params:
        settings=lambda wildcards: correction_options(wildcards.correction),
        place=lambda wildcards, output: nircam.place(),
        names=lambda wildcards: nircam.compared_exposures(wildcards.item),
        measured=lambda wildcards, input: measured_options(input),
        superbias=lambda wildcards, input: named_options(input, "superbias"),
        code=program.digest("jwst", "nircam/calibrate"),
        batch=lambda wildcards, output: BATCHES.step(
            correction_options(wildcards.correction),
            EXCLUDE,
            program.digest("jwst", "nircam/calibrate"),
            shared=nircam.correct_inputs(wildcards.item, wildcards.correction).values(),
        ),
        files=lambda wildcards, output: BATCHES.files_of(
            wildcards.item,
            nircam.compared_exposures(wildcards.item)[0],
            f"raw/{wildcards.item}/{{}}.json",
            refusal="refusals/{}.txt",
            references="references/{}.json",
            status=f"corrected/{wildcards.correction}/{{}}.json",
        ),
    message:
        "Correcting exposures of {wildcards.item}: {wildcards.correction}"
    shell:
        program("jwst", "nircam/calibrate", EXCLUDE) + "{params.place} --maker {params.code} "
        "{params.superbias} {params.settings} {params.measured} {params.batch} "
        "--names {params.names:q} --made {output.list:q} {params.files} > {log:q} 2>&1"


rule check_correction:
    """Check exposures for one reference pixel correction: none is corrected on disk."""
    input:
        unpack(lambda wildcards: nircam.correct_inputs(wildcards.item, wildcards.correction)),
        unpack(lambda wildcards: nircam.corrected_by_pipeline(wildcards.item, wildcards.correction)),
        exposures=lambda wildcards: BATCHES.lists_of(
            wildcards.item, "raw", nircam.compared_exposures(wildcards.item)
        ),
        refusals=f"{RESULTS}/{{item}}/refusals.list",
        references=lambda wildcards: BATCHES.lists_of(
            wildcards.item, "references", nircam.compared_exposures(wildcards.item)
        ),
        cache=ancient(f"{RESULTS}/crds/jwst.tsv"),
    output:
        folder=directory(f"{RESULTS}/{{item}}/ramps/{{correction}}"),
    log:
        f"{RESULTS}/logs/check_correction/{{item}}_{{correction}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/check_correction/{{item}}_{{correction}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: correction_options(wildcards.correction),
        place=lambda wildcards, output: nircam.place(),
        measured=lambda wildcards, input: measured_options(input),
        superbias=lambda wildcards, input: named_options(input, "superbias"),
        judged=lambda wildcards: nircam.judged_options(wildcards.item),
        against=lambda wildcards: nircam.against(
            wildcards.item, f"corrected/{wildcards.correction}"
        ),
        raw=lambda wildcards: nircam.compared_raw(wildcards.item),
        code=program.digest("detector", "nircam/check_ramps"),
    message:
        "Checking the correction of {wildcards.item}: {wildcards.correction}"
    shell:
        program("detector", "nircam/check_ramps", EXCLUDE)
        + "{params.judged} --output {output.folder:q} {params.place} {params.superbias} "
        "{params.against} {params.settings} {params.measured} -- {params.raw:q} "
        "> {log:q} 2>&1"


rule compare_corrections:
    """Compare the residual noise after each reference pixel correction."""
    input:
        corrected=lambda wildcards: nircam.all_corrected(wildcards.item),
        spectrum=f"{RESULTS}/{{item}}/noise_spectrum.fits",
    output:
        product=f"{RESULTS}/{{item}}/corrections.fits",
        table=f"{RESULTS}/{{item}}/corrections.csv",
        quantities=f"{RESULTS}/{{item}}/corrections.json",
    log:
        f"{RESULTS}/logs/compare_corrections/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/compare_corrections/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1200 * attempt,
    params:
        settings=lambda wildcards: nircam.corrected_options(wildcards.item),
        raw=lambda wildcards: nircam.compared_raw(wildcards.item),
        code=program.digest("detector", "nircam/compare_corrections"),
    message:
        "Comparing the reference pixel corrections of {wildcards.item}"
    shell:
        program("detector", "nircam/compare_corrections") + "--spectrum {input.spectrum:q} "
        "--output {output.product:q} "
        "--table {output.table:q} --quantities {output.quantities:q} {params.settings} "
        "-- {params.raw:q} > {log:q} 2>&1"


rule noise_truth:
    """Compare noise spectrum and reference pixels of simulated darks with the truth."""
    input:
        unpack(lambda wildcards: nircam.noise_truth_inputs(wildcards.item)),
    output:
        f"{RESULTS}/{{item}}/noise_truth.json",
    log:
        f"{RESULTS}/logs/noise_truth/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/noise_truth/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        settings=lambda wildcards: PLAN.truth_settings(wildcards.item),
        reference=lambda wildcards, input: input_options(
            input, {"reference": "--reference-pixels "}
        ),
        code=program.digest("detector", "nircam/noise_truth"),
    message:
        "Comparing the noise of {wildcards.item} with the truth"
    shell:
        program("detector", "nircam/noise_truth", CAMPAIGN_ARGS) + "--item {wildcards.item:q} "
        "--spectrum {input.spectrum:q} {params.reference} --output {output:q} > {log:q} 2>&1"
