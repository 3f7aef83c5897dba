"""The processes of docker-compose.yml without containers: ``python -m tests.processes``."""
