"""`mcp-learning serve`: the MCP server, over stdio or HTTP."""

from typing import Annotated

import typer

from mcp_learning.cli.options import DataDir
from mcp_learning.cli.running import explain_stdio, fail, load_settings
from mcp_learning.errors import LearningError


def serve(
    http: Annotated[
        str | None,
        typer.Option(help="Serve many clients over Streamable HTTP", metavar="HOST:PORT"),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Offer no tool that writes")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="With --http: a further host name", metavar="NAME[:PORT]"),
    ] = None,
    new_token: Annotated[
        bool, typer.Option("--new-token", help="With --http: make a new bearer token")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Serve MCP over stdin and stdout, for one agent client, or over HTTP."""
    settings = load_settings(data_dir, quiet=False)
    if http is None:
        for option, given in (("--allow-host", allow_host), ("--new-token", new_token)):
            if given:
                fail(f"{option}: needs --http", status=2)
        from mcp_learning.server.stdio import serve as serve_stdio

        explain_stdio()
        serve_stdio(settings, read_only=read_only)
        return

    from mcp_learning.server.http import Place
    from mcp_learning.server.http import serve as serve_http

    try:
        serve_http(
            settings,
            Place.parse(http),
            read_only=read_only,
            hosts=allow_host or (),
            renew_token=new_token,
        )
    except LearningError as error:
        fail(str(error), status=2)
