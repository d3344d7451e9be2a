# Judgement of the products: gates of each, verdicts of the campaign. No product depends on it.
from darkroom.campaign.settings import command_options
from darkroom.gates.settings import JudgeSettings

GATES = pipelines.gate_files(PLAN, PIPELINES) if PLAN.is_locked else []
VERDICTS = [pipelines.verdict_of(gates) for gates in GATES]


wildcard_constraints:
    product=r"[a-z0-9_.]+",


for instrument in pipelines.judging(PIPELINES):

    rule:
        name:
            f"gates_{instrument}"
        input:
            unpack(gate_inputs(instrument)),
        output:
            f"{RESULTS}/{{item}}/judge/gates_{{product}}.json",
        log:
            f"{RESULTS}/logs/gates_{instrument}/{{item}}_{{product}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/gates_{instrument}/{{item}}_{{product}}.tsv"
        wildcard_constraints:
            item=PLAN.only_items_of(instrument),
        conda:
            "../envs/detector.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: 1500 * attempt,
        params:
            place=program_of(instrument, "gates"),
            settings=gate_options(instrument),
            code=program.digest("detector", f"{instrument}/gates"),
            batch=gate_batch(instrument),
        message:
            "Judging the {wildcards.product} of {wildcards.item}"
        shell:
            "{{ {params.batch.came}; }} > {log:q} 2>&1 || "
            "{params.place} --item {wildcards.item:q} --product {wildcards.product:q} --output {output:q} "
            "{params.batch.options} {params.settings} > {log:q} 2>&1"


rule verdict:
    """Give the verdict on every product that has gates: they share one budget of false alarms."""
    input:
        gates=lambda wildcards: GATES,
        compared=pipelines.compared_files(PIPELINES) if GATES else [],
        trends=pipelines.trend_files(PLAN, PIPELINES) if GATES else [],
    output:
        table=f"{RESULTS}/verdict.tsv",
        verdicts=VERDICTS,
        list=f"{RESULTS}/verdict.list",
    log:
        f"{RESULTS}/logs/verdict.log",
    benchmark:
        f"{RESULTS}/benchmarks/verdict.tsv"
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    params:
        settings=command_options(CAMPAIGN.settings["judge"], JudgeSettings),
        code=program.digest("detector", "judge/verdict"),
    message:
        f"Giving the verdicts on the products of campaign {CAMPAIGN.name}"
    shell:
        r"printf '%s\n' {input.gates:q} {input.compared:q} {input.trends:q} > {output.list:q} && "
        + program("detector", "judge/verdict")
        + "--table {output.table:q} {params.settings} @{output.list:q} > {log:q} 2>&1"


rule judge:
    """Judge the products, and write the report with the verdicts on its first screen."""
    input:
        # Each verdict: one that is gone would not be missed for the table alone. By name: Snakemake
        # looks for each output of a rule among all of them, 21 million comparisons for 6,000.
        f"{RESULTS}/verdict.tsv",
        lambda wildcards: VERDICTS,
        lambda wildcards: campaign_products(),
    log:
        f"{RESULTS}/logs/judge.log",
    conda:
        "../envs/detector.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        report=REPORT,
        folders=[f"{RESULTS}/{item}" for item in CAMPAIGN.items],
    message:
        f"Writing the report of campaign {CAMPAIGN.name} with its verdicts"
    shell:
        program("detector", "report/report", CAMPAIGN_ARGS, REPEAT_ARGS)
        + "--output {params.report:q} {params.folders:q} > {log:q} 2>&1"
