"""One start of everything: what starts in which order, top to bottom, and how it stops again."""

import asyncio
import json
import os
import time
from collections.abc import Sequence
from typing import Any, Final

import httpx

from deploy.examples.load import load
from deploy.examples.story import StoryUnusable, stories
from deploy.local.processes.output import Terminal
from deploy.local.processes.problem import Problem, plainly
from deploy.local.processes.supervisor import Supervisor
from deploy.local.processes.tasks import first_error
from deploy.local.servers import kafka, postgres
from deploy.local.servers.both import kafka_child, postgres_child
from deploy.local.servers.databases import create_service_database
from deploy.local.servers.kafka_settings import Security
from deploy.local.settings import StackSettings
from deploy.local.stack import place, welcome
from deploy.local.stack.admission import Admission
from deploy.local.stack.example_people import VALID_FOR, example_people
from deploy.local.stack.issuer import ISS, Issuer
from deploy.local.stack.log import ORIGIN, DevelopmentLog
from deploy.local.stack.services import Service, found, service_child
from deploy.local.stack.stack_file import StackFile
from deploy.organisations import organisations
from shared.broker.access import BrokerAccess
from shared.broker.keys.certificates import Certificates
from shared.broker.keys.credentials import Credentials
from shared.broker.keys.private_files import write_private
from shared.broker.topics import ensure_topics
from shared.contracts.topics import declared_topics
from shared.ledger.names import kebab

INTAKE: Final = "intake"
VIEWER: Final = "viewer"

# Services and broker leave at least 2 s of it to PostgreSQL, for its last checkpoint.
_ALL_DOWN_WITHIN = 9.2


class Stack:
    """One start of everything, in one folder."""

    def __init__(
        self, settings: StackSettings, terminal: Terminal, services: Sequence[Service] | None = None
    ) -> None:
        self.settings = settings
        self.terminal = terminal
        self.folder = settings.folder
        self.services = found() if services is None else services
        ports = settings.service_ports([service.name for service in self.services])
        self.ports = dict(sorted(ports.items(), key=lambda item: item[1]))
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}
        self.organisations = organisations()
        self.issuer = Issuer(self.folder / "issuer")
        self.log = DevelopmentLog(self.folder / "log", settings.witness_port)
        self.people = self.issuer.folder / "people.json"
        self.cluster = postgres.Cluster(self.folder / "postgres", settings.postgres_port)
        security = Security(
            Certificates(self.folder / "tls"),
            Credentials(self.folder / "credentials"),
            settings.mutual_tls_port,
        )
        self.admission = Admission(self.folder, security)
        self.broker = kafka.Broker(
            self.folder / "kafka",
            settings.kafka_port,
            settings.cache_folder,
            security=security,
        )
        self.file = StackFile(self.folder / "stack.json")
        self.pids = place.Pids(self.folder / "pids.json")
        self.supervisor = Supervisor(
            self.folder / "logs", terminal, self.note, verbose=settings.verbose
        )
        self.client = httpx.AsyncClient(timeout=2, trust_env=False)
        self.began = time.time()
        self.own_postgres = settings.database_url is None
        self.own_kafka = settings.kafka_servers is None
        self.kafka_servers = settings.kafka_servers or self.broker.servers
        # A broker of your own asks for no user here; whoever needs that one starts the services.
        self.access = self.broker.access if self.own_kafka else BrokerAccess(self.kafka_servers)

    async def bring_up(self) -> None:
        """Everything, in order: place, servers, databases and topics, services, the examples."""
        say = self.terminal.say
        place.check_disk(self.folder)
        await self.pids.tidy_up(say)
        place.check_ports(self.needed_ports())
        self.file.remove()  # left by a start that was killed
        self.issuer.prepare()
        self.list_people()
        self.log.prepare()
        for witness in self.log.witnesses(self.client):
            self.supervisor.start(witness)

        with first_error():
            async with asyncio.TaskGroup() as group:
                preparing = group.create_task(self.databases())
                group.create_task(self.topics())
        databases = preparing.result()

        for service in self.services:
            environment = self.environment(service, databases.get(service.name, ""))
            url = self.urls[service.name]
            self.supervisor.start(service_child(service, environment, url, self.client))
        await self.supervisor.until_ready(*self.urls)

        welcome.addresses(self.terminal, self.urls, self.content(), time.time() - self.began)
        await self.load_examples()
        self.terminal.write("\nCtrl-C stops it.")

    async def databases(self) -> dict[str, str]:
        """Starts PostgreSQL, and brings every service's database up to date."""
        if self.own_postgres:
            await self.cluster.prepare(self.terminal.say)
            self.supervisor.start(postgres_child(self.cluster))
            await self.supervisor.until_ready("postgres")
        elif not await postgres.answers(self.admin_url):
            raise Problem("no PostgreSQL answers at DATABASE_URL: start it, or unset the variable")
        with first_error():
            async with asyncio.TaskGroup() as group:
                made = {
                    service.name: group.create_task(
                        create_service_database(self.admin_url, service.name, service.migrations)
                    )
                    for service in self.services
                    if service.owns_data
                }
        return {name: task.result() for name, task in made.items()}

    async def topics(self) -> None:
        """Starts Kafka, creates every declared topic, and lets in who may come."""
        if self.own_kafka:
            await self.broker.prepare(self.terminal.say)
            self.supervisor.start(kafka_child(self.broker))
            await self.supervisor.until_ready("kafka")
        elif not await kafka.answers(self.access):
            raise Problem(
                "no Kafka broker answers at KAFKA_SERVERS: start it, or unset the variable"
            )
        registered = self.admission.register(self.organisations)
        sections = [service.name for service in self.services if service.is_section]
        declared = declared_topics(sections, registered)
        with first_error():
            async with asyncio.TaskGroup() as group:
                making = group.create_task(ensure_topics(self.access, declared))
                if self.own_kafka:
                    users = [service.name for service in self.services if service.owns_data]
                    admit = self.admission.admit
                    group.create_task(asyncio.to_thread(admit, self.access, sections, users))
        self.terminal.say(f"{len(declared)} topics ({len(making.result())} new)")

    def list_people(self) -> None:
        """Writes down who can sign in to the viewer: the people of the examples, with tokens."""
        try:
            told = stories()
        except StoryUnusable:
            told = ()  # said when they are loaded
        signer = self.issuer.signer

        def sign(claims: dict[str, Any]) -> str:
            return signer.sign(claims, valid_for=VALID_FOR)

        write_private(self.people, json.dumps(example_people(told, sign)))

    async def load_examples(self) -> None:
        """Loads the five stories over HTTP; without them the stack still runs."""
        self.terminal.write("")
        self.terminal.say("loading the plans of five invented people")
        try:
            told = stories()
        except StoryUnusable as unusable:
            self.terminal.say(f"no plan is loaded: {unusable}")
            return
        loaded = await load(told, self.urls, self.issuer.signer, self.terminal.say)
        stand = [one.story for one in loaded if one.failure is None]
        welcome.requests(self.terminal, self.urls, self.folder, stand)

    def environment(self, service: Service, database_url: str) -> dict[str, str]:
        """The environment of a service."""
        own = {}
        if service.name == "audit":
            own["CAREPLAN_LOG_KEY"] = str(self.log.key_file)
            own["CAREPLAN_LOG_POLICY"] = str(self.log.policy_file)
            # Elsewhere nobody sees everything unless a deployment says so; here one token does.
            own["CAREPLAN_ROLES"] = json.dumps({"audit_everywhere": ["auditor"]})
        if service.name == INTAKE:
            own["CAREPLAN_INTAKE_ORGANISATIONS"] = str(self.admission.registry_file)
        if service.name == VIEWER:
            own |= self.addresses()
        if self.own_kafka and service.owns_data:
            own |= self.admission.environment(service.name)
        return {
            **own,
            "CAREPLAN_SERVICE": service.name,
            "CAREPLAN_DATABASE_URL": database_url,
            "CAREPLAN_KAFKA_SERVERS": self.kafka_servers,
            "CAREPLAN_HOST": "127.0.0.1",
            "CAREPLAN_PORT": str(self.ports[service.name]),
            "CAREPLAN_ISSUER": ISS,
            "CAREPLAN_JWKS": str(self.issuer.jwks),
            "CAREPLAN_INSTANCE": f"{service.name}-1",
            "CAREPLAN_MEDIA_STORE": str(self.folder / "media"),
        }

    def addresses(self) -> dict[str, str]:
        """What the viewer is told: where the APIs are, and who may sign in."""
        doors = {kebab(one.name): self.urls[one.name] for one in self.services if one.is_section}
        return {
            "CAREPLAN_VIEWER_PLAN_ADDRESS": self.urls["plan"],
            "CAREPLAN_VIEWER_AUDIT_ADDRESS": self.urls["audit"],
            "CAREPLAN_VIEWER_SECTION_ADDRESSES": json.dumps(doors),
            "CAREPLAN_VIEWER_EXAMPLE_PEOPLE": str(self.people),
            "CAREPLAN_VIEWER_SECURE_COOKIES": "false",
        }

    def needed_ports(self) -> dict[str, int]:
        """Every port that must be free, by what will use it."""
        ports = dict(self.ports)
        ports |= {f"the witness {name}": port for name, port in self.log.ports.items()}
        if self.own_postgres:
            ports["PostgreSQL"] = self.cluster.port
        if self.own_kafka:
            ports |= {
                "Kafka": self.broker.port,
                "Kafka's controller": self.broker.port + 1,
                "Kafka with certificates": self.settings.mutual_tls_port,
            }
        return ports

    @property
    def admin_url(self) -> str:
        """The address of a role that may create databases and roles."""
        return self.settings.database_url or self.cluster.url

    def note(self) -> None:
        """Writes down what is running now."""
        try:
            self.pids.write(self.supervisor.seen())
            self.file.write(self.content())
        except OSError as error:
            self.terminal.say(f"stack.json could not be written: {plainly(error)}")

    def content(self) -> dict[str, Any]:
        """The content of `stack.json` at this moment."""
        seen = self.supervisor.seen()
        pids = {name: one.pid for name, one in seen.items()}
        services = {
            name: {"url": url, "pid": pids.get(name), "ready": name in seen and seen[name].ready}
            for name, url in self.urls.items()
        }
        content: dict[str, Any] = {
            "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began)),
            "kafka": {
                "bootstrap": self.kafka_servers,
                "pid": pids.get("kafka"),
                **(self.admission.told() if self.own_kafka else {}),
            },
            "postgres": {"url": self.admin_url, "pid": pids.get("postgres")},
            "supervisor": {"pid": os.getpid()},
            "issuer": {
                "iss": ISS,
                "jwks": str(self.issuer.jwks),
                "private_key": str(self.issuer.private_key),
            },
            "organisations": [{"code": o.code, "name": o.name} for o in self.organisations],
            "services": services,
        }
        if "audit" in self.urls:
            content["log"] = {
                "url": f"{self.urls['audit']}/log",
                "origin": ORIGIN,
                "key": str(self.log.verifier),
                "policy": str(self.log.policy_file),
            }
        if VIEWER in self.urls:
            content["viewer"] = self.urls[VIEWER]
        return content

    async def shut_down(self) -> None:
        """Stops the services first, so that they finish their work; then Kafka, then PostgreSQL."""
        latest = time.monotonic() + _ALL_DOWN_WITHIN
        await self.supervisor.stop(*self.urls, *self.log.names)
        await self.supervisor.stop("kafka")
        await self.supervisor.stop("postgres", grace=latest - time.monotonic())
        await self.client.aclose()
        self.file.remove()
        self.pids.forget()
