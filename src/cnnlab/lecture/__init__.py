"""The lecture, executable: every claim measured by a study, judged by a rule that was declared beforehand."""
