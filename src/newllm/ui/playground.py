"""The playground of a run."""

from starlette.routing import BaseRoute

routes: list[BaseRoute] = []
