"""The sandbox `container`: sessions in containers, one in each."""

from __future__ import annotations

import os
import uuid
from typing import Self

from ocinterp.errors import UsageError
from ocinterp.sandboxes.container import engine
from ocinterp.sandboxes.container.supervisor import ContainerSupervisor
from ocinterp.sandboxes.limits import Resources, Service
from ocinterp.sandboxes.ns import layout
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox


class ContainerSandbox(NamespaceSandbox):
    """Each session in a container of its own, made by podman or Docker from an image whose python it uses.

    `wanted` is an image, or `gvisor` or `gvisor:IMAGE` for one behind gVisor's kernel. Entering raises SandboxError where
    there is no engine, or none that has the image. With `network` the engine gives a network that leads out.
    """

    name = "container"
    single = True

    def __init__(
        self,
        resources: Resources = Resources(),
        *,
        profile: Profile = Profile(),
        network: bool = False,
        service: Service = Service(),
        wanted: str = "",
    ) -> None:
        if profile.guests:
            raise UsageError("jobs do not run in containers: choose another sandbox (`ocinterp doctor` lists them)")
        if profile.layers:
            raise UsageError("a container has the packages of its image: build one that has them, and leave out --with")
        super().__init__(resources, profile=profile, network=network, service=service)
        self.network = "bridge" if network else "off"
        kind, _, image = wanted.partition(":")
        self._runtime = engine.RUNTIMES.get(kind, "")
        self._image = (image if self._runtime else wanted) or engine.IMAGE
        self._engine: engine.Engine | None = None

    async def __aenter__(self) -> Self:
        self._engine = await engine.with_image(self._image)
        return await super().__aenter__()

    def _supervisor(self) -> ContainerSupervisor:
        used = self._engine
        assert used is not None  # it was found when the sandbox was entered
        network = self.network != "off"
        plan = layout.plan_contained(self._profile, network=network, counted=not used.as_caller)
        name = f"ocinterp-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        container = engine.Container(self._image, self._runtime, network, self._resources, name, used.user())
        return ContainerSupervisor(plan, used, container)
