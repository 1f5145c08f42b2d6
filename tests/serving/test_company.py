"""Who comes while others are on their way sets out with all who came, as soon as these have their answers."""

import asyncio

import pytest

from app.serving.company import Company

pytestmark = pytest.mark.anyio

NEVER_S = 60.0


async def joining(company: Company, count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(company.join()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_the_first_sets_out_at_once_and_the_others_when_it_is_answered() -> None:
    company = Company(8, NEVER_S)
    first, *others = await joining(company, 4)
    assert [first.done(), *(other.done() for other in others)] == [True, False, False, False]
    company.answered()
    async with asyncio.timeout(5):
        await asyncio.gather(*others)


async def test_after_an_answer_with_nobody_waiting_the_next_one_does_not_wait() -> None:
    company = Company(8, NEVER_S)
    for _ in range(3):
        async with asyncio.timeout(5):
            await company.join()
        company.answered()


async def test_who_set_out_in_company_is_waited_for() -> None:
    company = Company(8, NEVER_S)
    await joining(company, 3)
    company.answered()
    [late] = await joining(company, 1)
    await asyncio.sleep(0.01)
    assert not late.done()
    company.answered()
    async with asyncio.timeout(5):
        await late


async def test_a_whole_batch_does_not_wait_for_more() -> None:
    company = Company(3, NEVER_S)
    tasks = await joining(company, 6)
    await asyncio.sleep(0)
    assert [task.done() for task in tasks] == [True, True, True, True, False, False]
    company.disband()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_those_who_never_get_there_are_waited_for_so_long_and_no_longer() -> None:
    company = Company(8, 0.01)
    async with asyncio.timeout(5):
        await asyncio.gather(*(company.join() for _ in range(3)))
        await asyncio.gather(*(company.join() for _ in range(3)))


async def test_where_no_wait_is_allowed_nobody_waits() -> None:
    company = Company(8, 0.0)
    async with asyncio.timeout(5):
        await asyncio.gather(*(company.join() for _ in range(30)))


async def test_one_who_leaves_leaves_alone_and_in_the_end_nobody_waits() -> None:
    company = Company(8, NEVER_S)
    _, gone, stays = await joining(company, 3)
    gone.cancel()
    company.answered()
    async with asyncio.timeout(5):
        await stays
    [last] = await joining(company, 1)
    company.disband()
    await asyncio.gather(gone, last, return_exceptions=True)
    assert gone.cancelled()
    assert last.cancelled()
