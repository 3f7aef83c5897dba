"""Parts of a running portal are ended at the worst moments; nothing acknowledged may be lost: `python -m tests.rig`."""
