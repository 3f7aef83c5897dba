"""Lighthouse from the npm registry: what it is asked, and how it is started."""
