"""The container recipe, the workflows of GitHub Actions, and the campaign repository to copy."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
CHECKS = ROOT / ".venvs" / "checks" / "bin"
TEMPLATE = ROOT / "docs" / "campaign-repository"
WORKFLOWS = [*ROOT.glob(".github/workflows/*.yml"), *TEMPLATE.glob(".github/workflows/*.yml")]


def lint(program, *arguments):
    """Run a program of the environment of checks; return what it finds."""
    if not (CHECKS / program).exists():
        pytest.skip(".venvs/checks is not built: make setup-tests")
    done = subprocess.run(
        [CHECKS / program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def commands(workflow):
    """Return the shell commands of a workflow."""
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


def test_hadolint_has_nothing_to_say_of_the_container_recipe():
    assert lint("hadolint", "--no-color", "Dockerfile") == ""


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_of_github_actions_follow_its_schema(workflow):
    assert lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", workflow) == ""


SCRIPTS = [ROOT / "envs/setup.sh", ROOT / ".ci/run", TEMPLATE / "plan.sh"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say_of_the_shell_scripts(script):
    assert lint("shellcheck", script) == ""


def test_shellcheck_has_nothing_to_say_of_the_commands_of_workflows(tmp_path):
    assert WORKFLOWS
    for workflow in WORKFLOWS:
        for number, command in enumerate(commands(workflow)):
            script = tmp_path / f"{workflow.stem}_{number}"
            script.write_text(command)
            assert lint("shellcheck", "--shell=bash", script) == ""


def test_every_shell_script_is_among_those_that_are_checked():
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("no git repository: nobody knows which files belong to it")
    files = [ROOT / name for name in listed.stdout.splitlines()]
    begins = {file: file.read_bytes()[:30] for file in files if file.is_file()}
    assert {f for f, b in begins.items() if re.match(rb"#!.*\b(ba)?sh\n", b)} == set(SCRIPTS)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_checkout_leaves_no_token_behind_and_no_step_may_write(workflow):
    settings = yaml.safe_load(workflow.read_text())
    assert settings["permissions"] == {"contents": "read"}
    for job in settings["jobs"].values():
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_what_recipe_and_workflows_make_is_a_target_of_the_makefile():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    recipe = re.sub(r"^#.*", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    texts = [recipe, *(c for w in WORKFLOWS for c in commands(w))]
    asked = {t for text in texts for line in re.findall(r"\bmake ([\w -]+)", text)
             for t in line.split() if not t.startswith("-")}  # fmt: skip
    assert asked
    assert asked <= targets


def test_the_containers_context_leaves_out_what_git_ignores():
    left_out = (ROOT / ".dockerignore").read_text().split()
    for name in (".venv", ".venvs", ".uv", ".cache", ".snakemake", "results"):
        assert name in left_out


def test_a_campaign_repository_is_planned_from_campaign_and_lock_alone(tmp_path):
    """Without data, and without a network where the system can take it away."""
    shutil.copytree(TEMPLATE, tmp_path / "mine")
    (tmp_path / "mine" / "darkroom").symlink_to(ROOT)
    (plan,) = [line for line in commands(TEMPLATE / ".github/workflows/plan.yml") if "plan" in line]
    alone = ["unshare", "--net", "--map-root-user"]
    tried = subprocess.run([*alone, "true"], check=False) if shutil.which(alone[0]) else None
    possible = tried is not None and tried.returncode == 0
    done = subprocess.run(
        [*(alone if possible else []), plan],
        cwd=tmp_path / "mine",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^fetch +1$", done.stdout + done.stderr, re.MULTILINE)
    assert not (tmp_path / "mine" / "results" / "campaign" / "raw").exists()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_named_by_commit(workflow):
    """A tag can be moved to other code; the version stands beside for a person."""
    used = re.findall(r"uses: *(\S+)(.*)", workflow.read_text())
    assert used
    for action, remark in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v[\d.]+", remark), action


def test_the_container_is_of_known_bytes_and_runs_as_an_ordinary_user():
    recipe = (ROOT / "Dockerfile").read_text()
    images = re.findall(r"^FROM (\S+)", recipe, re.MULTILINE)
    assert images
    assert [
        name for name in images if not re.fullmatch(r"\S+:[\w.-]+@sha256:[0-9a-f]{64}", name)
    ] == []
    assert re.findall(r"^USER (\S+)", recipe, re.MULTILINE)[-1:] == ["1000"]
    assert not re.search(r"chmod\s+\S*(777|[ao]\+w)", recipe)
