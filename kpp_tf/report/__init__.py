"""RESULTS.md: what was measured, from files, beside what others have published."""
