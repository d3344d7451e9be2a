# darkroom: detector exposures to calibration products, from the archive to the report.
from snakemake.utils import min_version

min_version("9.27")


configfile: f"{workflow.basedir}/config/config.yaml"


include: "rules/common.smk"
include: "rules/archive.smk"


if REFERENCES.pipelines:

    include: "rules/crds.smk"


# Rules of the campaign's instruments only: every plan and every cluster job reads them again.
for instrument in PIPELINES:

    include: f"rules/{instrument}.smk"


include: "rules/epochs.smk"
include: "rules/report.smk"
include: "rules/judge.smk"
include: "rules/deliver.smk"


remember_parameters(workflow.rules, snakemake.common.overwrite_function_params)


rule all:
    """Make every product of the campaign, and its report."""
    default_target: True
    input:
        lambda wildcards: campaign_products(),
    message:
        f"Campaign {CAMPAIGN.name} is complete: {REPORT}/index.html"
