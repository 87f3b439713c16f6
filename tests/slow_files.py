"""Test files that take long, the longest first.

They begin before all others, so that no worker is left alone with one of them at the end, and `make check` leaves them
out (`-m "not slow"`), as it does single tests marked slow.
"""

from pathlib import Path

SLOW = (
    "test_bench.py", "test_pretraining.py", "test_processes.py", "test_population.py", "test_explorer_views.py",
    "test_devices.py", "test_studies.py", "test_cli.py", "test_explorer_static_page.py", "test_atlas.py",
    "test_every_probe.py", "test_explorer_views_in_browser.py", "test_transformer.py", "test_explorer_in_browser.py",
    "test_explorer_static_scripts.py", "test_sampled_bayes.py", "test_every_pair_of_families.py",
    "test_reliability.py", "test_inside.py", "test_gradient.py", "test_killed.py", "test_posterior.py",
    "test_contributing.py", "test_evaluate.py", "test_explorer.py", "test_composed_families.py",
    "test_classical_predictors.py", "test_report.py", "test_bayes.py", "test_two_laws.py", "test_class_predictors.py",
    "test_instruction.py", "test_without_posterior.py", "test_more_families.py", "test_mixture.py",
    "test_input_laws.py", "test_checkpoint.py", "test_recipe_predictors.py", "test_figures.py", "test_latents.py",
    "test_function_probes.py", "test_process_settings.py", "test_input_probes.py", "test_recipe_fuzz.py",
    "test_literature_recipes.py", "test_specialists.py", "test_paper.py", "test_report_in_browser.py",
    "test_token_explorer.py", "test_token_explorer_in_browser.py",
)  # fmt: skip

_lost = set(SLOW) - {path.name for path in Path(__file__).parent.rglob("test_*.py")}
assert not _lost, f"no such test files: {_lost}"
