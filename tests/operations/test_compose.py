"""docker-compose.yml is as the Compose specification wants it, and sound: no root, no open port, no secret in the environment."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from licensemgr.variables import VARIABLES

ROOT = Path(settings.BASE_DIR)
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service.get("image") == "license-manager:local"]
# What compose itself reads of .env; all else is the portal's.
OF_COMPOSE = {"WEB_REPLICAS", "HTTP_PORT", "HTTPS_PORT"}


def test_it_is_as_the_specification_wants_it() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_whole_set_of_processes_is_there() -> None:
    assert set(SERVICES) == {"proxy", "web", "worker", "beat", "migrate", "postgres", "pgbouncer", "redis"}
    assert OURS == ["web", "worker", "beat", "migrate"]
    assert int(re.sub(r"\D", "", SERVICES["postgres"]["image"])) >= 15
    assert "--appendonly yes" in SERVICES["redis"]["command"]
    assert {
        volume.split(":")[0] for name in ("postgres", "redis", "web") for volume in SERVICES[name]["volumes"]
    } == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_each_has_its_health_checked_and_no_rights_to_gain(name: str) -> None:
    service = SERVICES[name]
    assert ("healthcheck" in service) is (name != "migrate")
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "user", "network_mode", "pid"} & set(service)
    assert ("ports" in service) is (name == "proxy")
    for needed, how in service.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if needed == "migrate" else "service_healthy"
        assert how["condition"] == wanted
    if "build" not in service:
        assert re.search(r":[0-9.]+$", service["image"]), "an image without a version is another one tomorrow"


def test_what_is_built_runs_without_root_and_from_the_lock() -> None:
    portal, pgbouncer = ((ROOT / path).read_text() for path in ("Dockerfile", "deploy/pgbouncer/Dockerfile"))
    for text in (portal, pgbouncer):
        [user] = re.findall(r"^USER (\S+)$", text, re.MULTILINE)
        assert user != "root"
        assert text.rindex("USER") < text.rindex("CMD")
    assert "--require-hashes --no-deps -r requirements/base.txt" in portal
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {"deploy/secrets", ".env", "var"} <= set(ignored)


def test_secrets_come_from_files_and_each_is_one_that_the_portal_reads() -> None:
    for name in OURS:
        variables = SERVICES[name]["environment"]
        for variable, value in variables.items():
            assert variable.removesuffix("_FILE") in VARIABLES, variable
            if value.startswith("/run/secrets/"):
                assert variable.endswith("_FILE")
                assert value.removeprefix("/run/secrets/") in SERVICES[name]["secrets"]
        assert not {"SECRET_KEY", "LICENSE_KEY_PEPPER", "ENCRYPTION_SECRET", "DATABASE_PASSWORD"} & set(variables)
        assert "@" not in variables["DATABASE_URL"].partition("//")[2].partition("@")[0]
        assert ":" not in variables["DATABASE_URL"].partition("//")[2].partition("@")[0]
    assert {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()} == set(COMPOSE["secrets"])


def test_the_example_of_env_names_what_there_is_and_no_secret() -> None:
    names = re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(names) - OF_COMPOSE <= set(VARIABLES)
    assert set(re.findall(r"\$\{(\w+)", FILE.read_text(encoding="utf-8"))) <= set(names)
    assert not [name for name in names if re.search("SECRET|PASSWORD|PEPPER|TOKEN", name)]


def test_only_the_proxy_and_the_web_servers_meet_in_the_network_that_is_trusted() -> None:
    subnet = COMPOSE["networks"]["front"]["ipam"]["config"][0]["subnet"]
    assert {name for name, service in SERVICES.items() if "front" in service["networks"]} == {"proxy", "web"}
    assert {SERVICES[name]["environment"]["TRUSTED_PROXY"] for name in OURS} == {subnet}
    assert COMPOSE["networks"]["back"]["internal"] is True


def test_the_script_makes_each_secret_once(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    script = tmp_path / "deploy" / "secrets.sh"
    shutil.copy(ROOT / "deploy" / "secrets.sh", script)

    def made() -> dict[str, str]:
        subprocess.run([str(script)], check=True)
        secrets = tmp_path / "deploy" / "secrets"
        return {path.name: path.read_text() for path in secrets.iterdir() if path.is_file()}

    first = made()
    assert set(first) == set(COMPOSE["secrets"])
    random = [text for text in first.values() if text]
    assert len(set(random)) == 6
    assert all(len(text) >= 60 and "\n" not in text for text in random)
    assert made() == first
    assert (tmp_path / "deploy" / "secrets").stat().st_mode & 0o077 == 0


def test_the_proxy_may_read_its_certificate_and_nobody_else_on_the_machine(tmp_path: Path) -> None:
    """The folder that the proxy gets is open to its user, who owns nothing; the one above it, which it does not get, is closed."""
    [mounted] = [each.split(":")[0] for each in SERVICES["proxy"]["volumes"] if each.endswith(":/etc/nginx/tls:ro")]
    tls = tmp_path / mounted
    tls.mkdir(parents=True, mode=0o700)
    for name in ("fullchain.pem", "privkey.pem"):
        (tls / name).write_text("pem")
        (tls / name).chmod(0o600)
    shutil.copy(ROOT / "deploy" / "secrets.sh", tmp_path / "deploy" / "secrets.sh")
    subprocess.run([str(tmp_path / "deploy" / "secrets.sh")], check=True)
    assert tls.stat().st_mode & 0o005 == 0o005
    assert all(path.stat().st_mode & 0o777 == 0o444 for path in tls.iterdir())
    assert tls.parent.stat().st_mode & 0o077 == 0


def test_the_issue_log_can_lie_on_another_disk_than_the_database() -> None:
    for name in OURS:
        assert "issue-log:/var/lib/license-manager/issue-log" in SERVICES[name]["volumes"]
    assert "/var/lib/license-manager/issue-log" in (ROOT / "Dockerfile").read_text().partition("VOLUME")[2]
