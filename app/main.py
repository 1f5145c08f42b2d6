"""The service: wires settings, stores, engine and doors. The only module that knows all packages."""

import multiprocessing
import os
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypedDict

from fastapi import FastAPI

from app.rnn.threads import use_threads
from app.serving.canary_watch import CanaryWatch
from app.serving.cataloguing import Cataloguing
from app.serving.engine import Engine
from app.serving.judging import Judge
from app.serving.keyring import KeyRingFollower
from app.serving.labelling import Labelling
from app.serving.listeners import Listeners
from app.serving.live import Live
from app.serving.recommender import Recommender
from app.serving.reloader import Reloader
from app.serving.rounds import Rounds
from app.serving.stored_state import StoredState
from app.serving.training_runs import Training
from app.serving.turns import Turns
from app.settings import Settings
from app.stores.answers import KeptAnswers
from app.stores.api_keys import ApiKeyFile
from app.stores.checkpoints import CheckpointStore
from app.stores.depots import open_depot
from app.stores.event_streams import EventStreams
from app.stores.exchange import Exchange
from app.stores.listener_log import ListenerLog
from app.stores.live import Notices
from app.stores.online_counts import OnlineCounts
from app.stores.rates import SharedRates
from app.stores.session_store import SessionStore
from app.telemetry import configure_logging
from app.web.admission import HouseRules
from app.web.api import build_api
from app.web.doors import Doors
from app.web.lag import watching_lag
from app.web.online_metrics import OnlineMetrics


class LifespanState(TypedDict):
    """What the lifespan opens for the routes of one worker."""

    doors: Doors


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application of one worker. Called once in every worker process; settings come from `SEGUE_*`."""
    chosen = settings or Settings()
    configure_logging(chosen.log_format, chosen.log_level)

    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[LifespanState]:
        end_with_parent()
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(watching_lag(api.state.metrics.lagged))
            yield {"doors": await _open_doors(chosen, opened, OnlineMetrics(api.state.metrics.registry))}

    return build_api(lifespan, patience_s=chosen.patience_ms / 1000, audio_url=chosen.audio_url)


async def _open_doors(settings: Settings, opened: AsyncExitStack, metrics: OnlineMetrics) -> Doors:
    """Open what answers listeners; what was opened is closed in the opposite order at shutdown."""
    use_threads(settings.torch_threads)
    if settings.redis_url is None:
        raise RuntimeError("The session store's URL is not set. Start the service with `segue serve`, which sets it.")
    sessions = SessionStore.connect(
        settings.redis_url,
        ttl_s=settings.session_ttl_s,
        timeout_s=settings.redis_timeout_s,
        waiting_events=settings.waiting_events,
    )
    opened.push_async_callback(sessions.aclose)
    checkpoints = CheckpointStore(open_depot(settings), hidden_precision=settings.hidden_precision)
    reloader = await opened.enter_async_context(Reloader(checkpoints, interval_s=settings.reload_interval_s))
    engine = await opened.enter_async_context(
        Engine(batch_size=settings.batch_size, batch_wait_us=settings.batch_wait_us, queue_size=settings.queue_size)
    )
    streams = EventStreams(Exchange.connect(settings.redis_url, timeout_s=settings.redis_timeout_s))
    opened.push_async_callback(streams.aclose)
    events = ListenerLog(streams, settings.events_folder)
    answers = KeptAnswers(
        Exchange.connect(settings.redis_url, timeout_s=settings.redis_timeout_s), kept_s=settings.answers_kept_s
    )
    opened.push_async_callback(answers.aclose)
    turns = Turns()
    counts = OnlineCounts(Exchange.connect(settings.redis_url, timeout_s=settings.redis_timeout_s))
    opened.push_async_callback(counts.aclose)
    judge = None
    if settings.judge_online:
        judge = await opened.enter_async_context(
            Judge(counts, settings.session_limits, told=metrics.judged, missed=metrics.left_out)
        )
    stored = StoredState(Exchange.connect(settings.redis_url, timeout_s=settings.redis_timeout_s))
    opened.push_async_callback(stored.aclose)
    recommender = Recommender(reloader, engine, sessions, settings.session_limits, turns, judge=judge)
    labelling = Labelling(checkpoints, reloader)
    online = await opened.enter_async_context(
        CanaryWatch(counts, checkpoints, reloader, labelling, rolls_back=settings.canary_rollback)
    )
    notices = await opened.enter_async_context(Notices.connect(settings.redis_url, timeout_s=settings.redis_timeout_s))
    live = await opened.enter_async_context(Live(recommender, notices))
    notices.tell(live)
    await opened.enter_async_context(Rounds(live, sessions))
    reloader.on_swap = live.swapped
    return Doors(
        recommender=recommender,
        listeners=Listeners(sessions, events, settings.session_limits, turns, answers),
        reloader=reloader,
        checkpoints=checkpoints,
        session_store=sessions,
        answers=answers,
        cataloguing=Cataloguing(checkpoints),
        labelling=labelling,
        online=online,
        training=Training.over(checkpoints, settings),
        state=stored,
        keys=await opened.enter_async_context(KeyRingFollower(ApiKeyFile(settings.api_keys_file))),
        rates=_rates(settings, opened),
        house=HouseRules(
            on_loopback=settings.on_loopback,
            open_without_keys=settings.open_without_keys,
            admin_port=settings.admin_port,
            requests_per_minute=settings.requests_per_minute,
            admin_requests_per_minute=settings.admin_requests_per_minute,
        ),
        live=live,
    )


def _rates(settings: Settings, opened: AsyncExitStack) -> SharedRates:
    rates = SharedRates(settings.data_dir / "rates")
    opened.callback(rates.close)
    return rates


def end_with_parent() -> None:
    """See to it that a worker ends with the process that watches over it.

    A killed parent cannot tell its workers to stop; left alone they would keep the port and answer without the session
    store that died with it. At once and not gracefully: whoever starts the service again needs the port now.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return  # started by a shell or a supervisor of the operator's, not by `segue serve`

    def end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end, name="parent-watch", daemon=True).start()
