# Comparison of products with the files in use, and their delivery. No product depends on it.
DELIVERIES = OrExit(Deliveries(PLAN, PIPELINES))


# End of the name of a trial version, where every part of the exposures has one (deck.folds).
wildcard_constraints:
    fold=r"(_[0-9]+)?",


if "ccd" in PIPELINES:

    include: "compare_ccd.smk"


if "cgi" in PIPELINES:

    include: "compare_cgi.smk"


if "wfc3" in PIPELINES:

    include: "compare_wfc3.smk"


if "nircam" in PIPELINES:

    rule deck_references:
        """Choose the references of the exposures on which new files are compared."""
        input:
            refusals=f"{RESULTS}/{{item}}/refusals.list",
            exposures=lambda wildcards: BATCHES.lists_of(
                wildcards.item, "raw", PIPELINES["nircam"].deck(wildcards.item)
            ),
            mappings=lambda wildcards: REFERENCES.mappings(wildcards.item),
        output:
            list=f"{RESULTS}/{{item}}/judge/references.list",
        log:
            f"{RESULTS}/logs/deck_references/{{item}}.log",
        wildcard_constraints:
            item=PLAN.only_items_of("nircam"),
        conda:
            "../envs/jwst.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 1000 * attempt,
        params:
            settings=lambda wildcards: REFERENCES.deck_options(wildcards.item),
            names=lambda wildcards: PIPELINES["nircam"].deck(wildcards.item),
            place=lambda wildcards, output: REFERENCES.place_of(wildcards.item),
            code=program.digest("jwst", "references/bestrefs"),
            batch=lambda wildcards, output: BATCHES.step(
                REFERENCES.deck_options(wildcards.item),
                program.digest("jwst", "references/bestrefs"),
                shared=REFERENCES.mappings(wildcards.item),
            ),
            files=lambda wildcards, output: BATCHES.files_of(
                wildcards.item,
                PIPELINES["nircam"].deck(wildcards.item)[0],
                f"raw/{wildcards.item}/{{}}.json",
                refusal="refusals/{}.txt",
                output="judge/references/{}.json",
            ),
        message:
            "Choosing the references by which the products of {wildcards.item} compare"
        shell:
            program("jwst", "references/bestrefs")
            + "{params.place} {params.settings} {params.batch} --names {params.names:q} "
            "--made {output.list:q} {params.files} > {log:q} 2>&1"

    rule deck_sync:
        """Fetch the references by which new files are compared, and verify each."""
        input:
            lists=lambda wildcards: DELIVERIES.deck_references("nircam"),
            cache=f"{RESULTS}/crds/jwst.tsv",
        output:
            list=f"{RESULTS}/crds/deck.list",
            needed=f"{RESULTS}/crds/deck.json",
            table=f"{RESULTS}/crds/deck.tsv",
        log:
            f"{RESULTS}/logs/deck_sync.log",
        localrule: True
        conda:
            "../envs/jwst.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 1000 * attempt,
        params:
            settings=lambda wildcards: REFERENCES.context_option("jwst"),
            place=lambda wildcards, output: REFERENCES.place("jwst", asking=True),
            code=program.digest("jwst", "references/sync"),
        message:
            "Filling the CRDS cache with the references by which new files are compared"
        shell:
            r"printf '%s\0' {input.lists:q} | xargs -0 cat -- > {output.list:q} && "
            + program("jwst", "references/item_references")
            + "--output {output.needed:q} @{output.list:q} > {log:q} 2>&1 && "
            + program("jwst", "references/sync")
            + "{params.place} {params.settings} --output {output.table:q} {output.needed:q} "
            ">> {log:q} 2>&1"

    # Trial versions have a priority: the comparisons of an item then share a start.
    rule trial_list:
        """List the ramps of a product without the exposures that are held out."""
        input:
            ramps=f"{RESULTS}/{{item}}/{{purpose}}_ramps.list",
        output:
            ramps=f"{RESULTS}/{{item}}/judge/trial{{fold}}_{{purpose}}_ramps.list",
        log:
            f"{RESULTS}/logs/trial_list/{{item}}{{fold}}_{{purpose}}.log",
        wildcard_constraints:
            item=PLAN.only_items_of("nircam"),
        priority: 1
        localrule: True
        conda:
            "../envs/detector.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 500 * attempt,
        params:
            without=lambda wildcards: PIPELINES["nircam"].folds(wildcards.item)[wildcards.fold],
            code=program.digest("detector", "delivery/without"),
        message:
            "Leaving exposures out of the {wildcards.purpose} of {wildcards.item} for a trial"
        shell:
            program("detector", "delivery/without") + "--output {output.ramps:q} {input.ramps:q} "
            "--without {params.without:q} > {log:q} 2>&1"

    use rule superbias as trial_superbias with:
        input:
            ramps=f"{RESULTS}/{{item}}/judge/trial{{fold}}_superbias_ramps.list",
        output:
            reference=f"{RESULTS}/{{item}}/judge/trial{{fold}}_superbias.fits",
            details=f"{RESULTS}/{{item}}/judge/trial{{fold}}_superbias_details.fits",
        log:
            f"{RESULTS}/logs/trial_superbias/{{item}}{{fold}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/trial_superbias/{{item}}{{fold}}.tsv"
        priority: 1
        params:
            settings=lambda wildcards: PIPELINES["nircam"].options(wildcards.item, "superbias"),
            more="",
            code=program.digest("detector", "nircam/superbias"),
        message:
            "Making the superbias of {wildcards.item} without the exposures held out"

    use rule readnoise as trial_readnoise with:
        input:
            ramps=f"{RESULTS}/{{item}}/judge/trial{{fold}}_readnoise_ramps.list",
        output:
            reference=f"{RESULTS}/{{item}}/judge/trial{{fold}}_readnoise.fits",
            details=f"{RESULTS}/{{item}}/judge/trial{{fold}}_readnoise_details.fits",
        log:
            f"{RESULTS}/logs/trial_readnoise/{{item}}{{fold}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/trial_readnoise/{{item}}{{fold}}.tsv"
        priority: 1
        params:
            settings=lambda wildcards: PIPELINES["nircam"].options(wildcards.item, "readnoise"),
            more="",
            code=program.digest("detector", "nircam/readnoise"),
        message:
            "Measuring the read noise of {wildcards.item} without the exposures held out"

    use rule dark as trial_dark with:
        input:
            unpack(lambda wildcards: PIPELINES["nircam"].dark_inputs(wildcards.item)),
            ramps=f"{RESULTS}/{{item}}/judge/trial{{fold}}_readnoise_ramps.list",
        output:
            reference=f"{RESULTS}/{{item}}/judge/trial{{fold}}_dark.fits",
            details=f"{RESULTS}/{{item}}/judge/trial{{fold}}_dark_details.fits",
            quantities=f"{RESULTS}/{{item}}/judge/trial{{fold}}_dark.json",
        log:
            f"{RESULTS}/logs/trial_dark/{{item}}{{fold}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/trial_dark/{{item}}{{fold}}.tsv"
        priority: 1
        message:
            "Measuring the dark current of {wildcards.item} without the exposures held out"

    use rule mask as trial_mask with:
        input:
            unpack(lambda wildcards: PIPELINES["nircam"].previous(wildcards.item, "mask")),
            dark=f"{RESULTS}/{{item}}/judge/trial{{fold}}_dark_details.fits",
            readnoise=f"{RESULTS}/{{item}}/judge/trial{{fold}}_readnoise_details.fits",
        output:
            reference=f"{RESULTS}/{{item}}/judge/trial{{fold}}_mask.fits",
            details=f"{RESULTS}/{{item}}/judge/trial{{fold}}_mask_details.fits",
            quantities=f"{RESULTS}/{{item}}/judge/trial{{fold}}_mask.json",
        log:
            f"{RESULTS}/logs/trial_mask/{{item}}{{fold}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/trial_mask/{{item}}{{fold}}.tsv"
        priority: 1
        message:
            "Flagging the bad pixels of {wildcards.item} without the exposures held out"

    rule counterfactual:
        """Is the new file better than the one in use? Both go through the JWST pipeline."""
        input:
            unpack(lambda wildcards: PIPELINES["nircam"].current(wildcards.item, wildcards.purpose)),
            candidate=lambda wildcards: PIPELINES["nircam"].trials(
                wildcards.item, wildcards.purpose
            ),
            ramps=lambda wildcards: PIPELINES["nircam"].trial_ramps(
                wildcards.item, wildcards.purpose
            ),
            exposures=f"{RESULTS}/{{item}}/statuses.list",
            refusals=f"{RESULTS}/{{item}}/refusals.list",
            references=f"{RESULTS}/{{item}}/judge/references.list",
            cache=ancient(f"{RESULTS}/crds/deck.tsv"),
        output:
            found=f"{RESULTS}/{{item}}/judge/counterfactual_{{purpose}}.json",
        log:
            f"{RESULTS}/logs/counterfactual/{{item}}_{{purpose}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/counterfactual/{{item}}_{{purpose}}.tsv"
        wildcard_constraints:
            item=PLAN.only_items_of("nircam"),
        conda:
            "../envs/jwst.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: DELIVERIES.ramp_memory(wildcards.item, attempt),
        params:
            settings=lambda wildcards: PIPELINES["nircam"].comparison(
                wildcards.item, wildcards.purpose
            )[0],
            deck=lambda wildcards: PIPELINES["nircam"].deck_statuses(wildcards.item),
            code=program.digest("jwst", "nircam/counterfactual"),
            batch=comparison_batch,
        message:
            "Comparing the {wildcards.purpose} of {wildcards.item} with the file in use"
        shell:
            "{{ {params.batch.came}; }} > {log:q} 2>&1 || "
            + program("jwst", "nircam/counterfactual")
            + "{params.settings} {params.batch.options} "
            "--output {output.found:q} -- {params.deck:q} > {log:q} 2>&1"

    rule insertion:
        """What would the new file change among the rules of CRDS? Nothing is sent."""
        input:
            reference=f"{RESULTS}/{{item}}/{{purpose}}.fits",
            exposures=f"{RESULTS}/{{item}}/statuses.list",
            refusals_of_all=f"{RESULTS}/{{item}}/refusals.list",
            mappings=lambda wildcards: REFERENCES.mappings(wildcards.item),
            cache=ancient(f"{RESULTS}/crds/jwst.tsv"),
        output:
            found=f"{RESULTS}/{{item}}/judge/insertion_{{purpose}}.json",
            difference=f"{RESULTS}/{{item}}/judge/insertion_{{purpose}}.diff",
        log:
            f"{RESULTS}/logs/insertion/{{item}}_{{purpose}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/insertion/{{item}}_{{purpose}}.tsv"
        wildcard_constraints:
            item=PLAN.only_items_of("nircam"),
        conda:
            "../envs/jwst.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 1000 * attempt,
        params:
            settings=lambda wildcards: PIPELINES["nircam"].insertion_options(
                wildcards.item, wildcards.purpose
            ),
            name=lambda wildcards: REFERENCES.context_option("jwst"),
            place=lambda wildcards, output: REFERENCES.place("jwst"),
            refusals=lambda wildcards: f"{RESULTS}/{wildcards.item}/refusals",
            code=program.digest("jwst", "delivery/insertion"),
            batch=insertion_batch,
        message:
            "Inserting the {wildcards.purpose} of {wildcards.item} into the rules, in memory"
        shell:
            "{{ {params.batch.came}; }} > {log:q} 2>&1 || "
            + program("jwst", "delivery/insertion")
            + "--product {wildcards.purpose:q} --reference {input.reference:q} "
            "{params.place} {params.name} {params.settings} {params.batch.options} "
            "--refusals {params.refusals:q} --output {output.found:q} "
            "--difference {output.difference:q} -- @{input.exposures:q} > {log:q} 2>&1"


rule deliver:
    """Make the products whose verdict is to deliver ready for CRDS. Nothing is sent."""
    input:
        lambda wildcards: DELIVERIES.inputs(),
    log:
        f"{RESULTS}/logs/deliver.log",
    localrule: True
    conda:
        "../envs/jwst.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        products=lambda wildcards: DELIVERIES.products(),
        results=RESULTS,
    message:
        f"Making deliveries of campaign {CAMPAIGN.name}"
    shell:
        program("jwst", "delivery/deliver", CAMPAIGN_ARGS)
        + "--results {params.results:q} -- {params.products:q} 2>&1 | tee {log:q}; "
        "exit ${{PIPESTATUS[0]}}"
