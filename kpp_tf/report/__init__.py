"""The tables of README.md, RESULTS.md and its appendix, from the files in results/."""
