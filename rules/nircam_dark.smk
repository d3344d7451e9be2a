# NIRCam darks: dark current and bad-pixel mask, from the ramps of the read noise; bands of rows.


rule dark:
    """Measure the dark current of each pixel from dark ramps."""
    input:
        unpack(lambda wildcards: nircam.dark_inputs(wildcards.item)),
        ramps=f"{RESULTS}/{{item}}/readnoise_ramps.list",
    output:
        reference=f"{RESULTS}/{{item}}/dark.fits",
        details=f"{RESULTS}/{{item}}/dark_details.fits",
        quantities=f"{RESULTS}/{{item}}/dark.json",
    log:
        f"{RESULTS}/logs/dark/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/dark/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        settings=lambda wildcards: nircam.options(wildcards.item, "dark"),
        more=lambda wildcards, input, output: nircam.dark_options(input, output),
        code=program.digest("detector", "nircam/dark"),
    message:
        "Measuring the dark current of {wildcards.item}"
    shell:
        program("detector", "nircam/dark") + "--keep --output {output.reference:q} "
        "--details {output.details:q} --threads {threads} "
        "{params.settings} {params.more} @{input.ramps:q} > {log:q} 2>&1"


rule mask:
    """Flag the pixels that are bad in darks."""
    input:
        unpack(lambda wildcards: nircam.mask_inputs(wildcards.item)),
        dark=f"{RESULTS}/{{item}}/dark_details.fits",
        readnoise=f"{RESULTS}/{{item}}/readnoise_details.fits",
    output:
        reference=f"{RESULTS}/{{item}}/mask.fits",
        details=f"{RESULTS}/{{item}}/mask_details.fits",
        quantities=f"{RESULTS}/{{item}}/mask.json",
    log:
        f"{RESULTS}/logs/mask/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/mask/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        settings=lambda wildcards: nircam.options(wildcards.item, "mask"),
        more=lambda wildcards, input, output: nircam.mask_options(wildcards.item, input, output),
        code=program.digest("detector", "nircam/mask"),
    message:
        "Flagging the bad pixels of {wildcards.item}"
    shell:
        program("detector", "nircam/mask") + "--output {output.reference:q} "
        "--details {output.details:q} "
        "{params.settings} {params.more} {input.dark:q} > {log:q} 2>&1"


rule superbias_bands:
    """Test whether side reference pixels put bands of rows into the superbias."""
    input:
        lambda wildcards: nircam.band_inputs(wildcards.item),
    output:
        product=f"{RESULTS}/{{item}}/superbias_bands.fits",
        quantities=f"{RESULTS}/{{item}}/superbias_bands.json",
    log:
        f"{RESULTS}/logs/superbias_bands/{{item}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/superbias_bands/{{item}}.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        name=lambda wildcards: nircam.band_options(wildcards.item),
        code=program.digest("detector", "nircam/superbias_bands"),
    message:
        "Comparing rows of {wildcards.item} with and without side reference pixels"
    shell:
        program("detector", "nircam/superbias_bands") + "--keep --output {output.product:q} "
        "--quantities {output.quantities:q} {params.name} > {log:q} 2>&1"
