"""Commands that work by themselves: the controller, its definitions, the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trueup.cli.completion.callbacks import complete_policy
from trueup.cli.options import EPILOG, ContextName, Document, Form, Kubeconfig, Log, LogFormat, LogLevel, Output

app = typer.Typer()


@app.command(epilog=EPILOG)
def run(
    kubeconfig: Kubeconfig = "",
    context: ContextName = "",
    data: Annotated[Path | None, typer.Option(envvar="TRUEUP_DATA", help="Folder for mirrors and artifacts.")] = None,
    namespace: Annotated[
        str, typer.Option(envvar="TRUEUP_NAMESPACE", help="Namespace of the lease; created if absent.")
    ] = "trueup-system",
    home: Annotated[
        str, typer.Option(envvar="TRUEUP_HOME", help="Argo CD's namespace, in which Applications are read.")
    ] = "argocd",
    listen: Annotated[
        str,
        typer.Option(
            envvar="TRUEUP_LISTEN", help="Address for artifacts, health and webhooks; port 0 picks a free one."
        ),
    ] = ("127.0.0.1:0"),
    webhooks_listen: Annotated[
        str,
        typer.Option(envvar="TRUEUP_WEBHOOKS_LISTEN", help="Separate address for webhooks, instead of --listen."),
    ] = "",
    metrics_listen: Annotated[
        str, typer.Option(envvar="TRUEUP_METRICS_LISTEN", help="Separate address for metrics, instead of --listen.")
    ] = "",
    metrics_per_object: Annotated[
        int,
        typer.Option(
            envvar="TRUEUP_METRICS_PER_OBJECT", min=0, help="Number of objects with metric series of their own."
        ),
    ] = 5000,
    advertise: Annotated[
        str, typer.Option(envvar="TRUEUP_ADVERTISE", help="URL under which others reach that address.")
    ] = "",
    poll: Annotated[
        float, typer.Option(envvar="TRUEUP_POLL", help="Seconds between polls of Applications' repositories.")
    ] = 120.0,
    jitter: Annotated[
        float, typer.Option(envvar="TRUEUP_JITTER", help="Random seconds added to each poll interval, at most.")
    ] = 60.0,
    rollback: Annotated[
        str,
        typer.Option(
            envvar="TRUEUP_ROLLBACK",
            help="Default rollback policy: auto, propose or report.",
            autocompletion=complete_policy,
        ),
    ] = "auto",
    taken_over: Annotated[
        str,
        typer.Option(
            envvar="TRUEUP_TAKEN_OVER",
            help="Rollback policy of units taken over from another controller.",
            autocompletion=complete_policy,
        ),
    ] = "report",
    cross_namespace: Annotated[
        bool, typer.Option(envvar="TRUEUP_CROSS_NAMESPACE", help="Whether objects may refer to other namespaces.")
    ] = True,
    default_service_account: Annotated[
        str, typer.Option(envvar="TRUEUP_DEFAULT_SERVICE_ACCOUNT", help="Service account used when a unit names none.")
    ] = "",
    sops_age_secret: Annotated[
        str,
        typer.Option(
            envvar="TRUEUP_SOPS_AGE_SECRET",
            help="Secret, in the lease's namespace, with age identities for Kustomizations that name no keys.",
        ),
    ] = "",
    workers: Annotated[int, typer.Option(envvar="TRUEUP_WORKERS", help="Render processes.")] = 2,
    plugins: Annotated[
        Path | None,
        typer.Option(envvar="TRUEUP_PLUGINS", help="Folder with config management plugins (plugin.yaml files)."),
    ] = None,
    history: Annotated[
        str,
        typer.Option(
            envvar="TRUEUP_HISTORY", help="URL of the history's database; none: no history. [default: SQLite]"
        ),
    ] = "",
    history_keep_days: Annotated[
        int, typer.Option(envvar="TRUEUP_HISTORY_KEEP_DAYS", min=0, help="Days of history kept; 0 keeps all.")
    ] = 400,
    history_keep_records: Annotated[
        int,
        typer.Option(envvar="TRUEUP_HISTORY_KEEP_RECORDS", min=0, help="Deployments kept in the history; 0 keeps all."),
    ] = 1_000_000,
    log_format: Annotated[LogFormat, typer.Option(envvar="TRUEUP_LOG_FORMAT", help="Log format.")] = LogFormat.TEXT,
    log_level: Annotated[
        LogLevel, typer.Option(envvar="TRUEUP_LOG_LEVEL", help="Lowest level that is logged.")
    ] = LogLevel.INFO,
    log_keep: Annotated[
        int,
        typer.Option(
            envvar="TRUEUP_LOG_KEEP", min=0, help="MiB of log kept in files for `trueup logs`, outside a pod; 0: none."
        ),
    ] = 50,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="TRUEUP_DEBUG", help="The same as --log-level debug.")
    ] = False,
) -> None:
    """Run the controller until it is told to stop.

    Example: trueup run --kubeconfig ~/.kube/config --rollback report
    """
    from trueup.cli.run import run as start

    given = {
        "kubeconfig": kubeconfig,
        "context": context,
        "namespace": namespace,
        "home": home,
        "listen": listen,
        "webhooks_listen": webhooks_listen,
        "metrics_listen": metrics_listen,
        "metrics_per_object": metrics_per_object,
        "advertise": advertise,
        "poll": poll,
        "jitter": jitter,
        "cross_namespace": cross_namespace,
        "default_service_account": default_service_account,
        "sops_age_secret": sops_age_secret,
        "plugins": plugins,
        "workers": workers,
        "history": history,
    }
    kept = {"days": history_keep_days, "records": history_keep_records}
    log = Log(log_format, LogLevel.DEBUG if debug else log_level, log_keep)
    start(given, data, {"rollback": rollback, "taken_over": taken_over}, kept, log)


@app.command(epilog=EPILOG)
def crds(
    output: Annotated[Document, typer.Option("--output", "-o", help="Output format.")] = Document.YAML,
) -> None:
    """Print the definitions of all kinds.

    For clusters that have neither Argo CD's nor Flux' own.

    Example: trueup crds | kubectl apply -f -
    """
    import json

    import yaml

    from trueup.dialects import definitions

    if output is Document.JSON:
        typer.echo(json.dumps(definitions(), indent=2))
    else:
        typer.echo(yaml.safe_dump_all(definitions(), sort_keys=False), nl=False)


@app.command(epilog=EPILOG)
def demo(
    stay: Annotated[bool | None, typer.Option(help="Stay up afterwards; by default with a terminal.")] = None,
    keep: Annotated[bool, typer.Option(help="Keep logs and repositories.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Also draw what is printed into this SVG file.")] = None,
) -> None:
    """Start a cluster and a Git server, and watch Git drive them.

    Example: trueup demo --no-stay
    """
    from trueup.devtools.demo.command import demo as tell

    raise typer.Exit(tell(stay=stay, keep=keep, picture=picture))


@app.command(epilog=EPILOG)
def version(output: Output = Form.TABLE) -> None:
    """Print the version of this program.

    Example: trueup version -o json
    """
    from trueup.cli.version import version as tell

    tell(output)
