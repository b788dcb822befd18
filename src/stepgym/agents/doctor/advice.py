"""Would rejection sampling do as well as OREO on this log? What can be told from counts."""

from __future__ import annotations

from stepgym.agents.doctor.diagnosis import Advice

ENOUGH = 100
"""Usable episodes below which nothing is said."""
MOSTLY_SOLVED = 0.9
RARELY_MIXED, OFTEN_MIXED = 0.1, 0.3
"""Shares of repeatedly sampled tasks that have both outcomes."""
VISIBLE_HABIT = 0.15
"""Distance of `length_decides` from one half that counts as a habit."""


def advise(
    *,
    successes: int,
    failures: int,
    success: float,
    repeated: int,
    mixed: int,
    length_decides: float | None,
) -> tuple[Advice, tuple[str, ...]]:
    """The advice and its reasons, from counts of usable episodes.

    Rejection sampling imitates successes: it moves the policy towards `pi * Q`, so behaviour twice as successful
    becomes twice as likely. OREO moves it towards `pi * exp(Q / beta)`, so a rare good habit can win against a common
    bad one that is sometimes lucky, and failures say what to avoid. Hence, in order:

    * Without both classes there is no contrast. OREO's returns are all equal then.
    * Where nearly everything is solved, or tasks are nearly always solved or nearly never, failures hold little that
      imitation of the successes does not say: rejection sampling does as well.
    * Where tasks have both outcomes and right and wrong answers to the same task visibly differ (here: in length, the
      one habit that every log shows), there is a choice to be learned: OREO.
    * Otherwise it cannot be told. If the policy lacks the skill rather than the habit, both come out level.

    In small experiments with 12,000 episodes each, OREO won clearly where 90 % of the demonstrations had a bad habit,
    and was level with rejection sampling on a task (Countdown) where no habit decided; so "oreo" says where it can
    win, not that it will. Compare both on tasks that are in neither set.

    Args:
        successes: Usable episodes with a positive outcome.
        failures: Those without.
        success: Share of successes, mean over tasks.
        repeated: Tasks with at least two usable episodes.
        mixed: Tasks with at least one success and one failure.
        length_decides: See `Diagnosis`.
    """
    usable = successes + failures
    if usable == 0:
        return "no_outcomes", (
            "No episode has an outcome: verify them first. Only supervised fine-tuning is possible.",
        )
    if successes == 0:
        return "one_class", (
            "There is no success in the log. Neither OREO nor rejection sampling can learn from it: "
            "collect with a better policy, more samples per task or easier tasks.",
        )
    if failures == 0:
        return "one_class", (
            "There is no failure in the log. OREO needs both; supervised fine-tuning on all episodes is what remains, "
            "and the same as rejection sampling. Add the failures if they were filtered out.",
        )
    if usable < ENOUGH:
        return "too_few", (f"Only {usable} usable episodes: too few to tell, and to train on.",)
    if repeated == 0:
        return "both", (
            "Each task has only one usable episode, so the value can learn how hard a task is but hardly which choice "
            "decides it. Sample each task 4 to 8 times; with this log run both methods and compare.",
        )
    share = mixed / repeated
    mixture = f"{100 * share:.0f} % of the {repeated:,} tasks with several episodes have both outcomes."
    if success >= MOSTLY_SOLVED:
        return "rejection_sampling", (
            f"Yes, probably: {100 * success:.0f} % are solved already, failures have little to add. "
            "Collect harder tasks for more.",
        )
    if share < RARELY_MIXED:
        return "rejection_sampling", (
            f"Yes, probably: only {mixture} Where a task is always or never solved, no choice in it can be credited.",
        )
    if share >= OFTEN_MIXED and length_decides is not None and abs(length_decides - 0.5) >= VISIBLE_HABIT:
        which = "longer" if length_decides > 0.5 else "shorter"
        return "oreo", (
            f"Probably not: {mixture}",
            f"Right answers are {which} than wrong ones to the same task "
            f"({100 * max(length_decides, 1 - length_decides):.0f} % of pairs): "
            "a habit that OREO can strengthen or unlearn and that imitation of successes changes only slowly.",
        )
    return "both", (
        f"It cannot be told: {mixture}",
        "No habit is visible in the length of the answers. If the policy chooses badly OREO can win, if it lacks the "
        "skill both come out level. Run both and compare on held-back tasks.",
    )
