"""GET /problems/{code}: where the `type` of a problem leads."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import TypeAdapter
from starlette.responses import Response

from app.errors import InvalidRequest
from app.web.examples import service as examples
from app.web.openapi import answered
from app.web.problem_table import CODES, PROBLEMS, UnknownProblem
from app.web.problems import told
from app.web.schemas.problems import ProblemExplained

router = APIRouter()
_ANSWER = TypeAdapter(ProblemExplained)
_BY_CODE = {problem.code: problem for problem in PROBLEMS.values()}


@router.get(
    "/problems/{code}",
    tags=["operation"],
    summary="Explain a problem",
    response_model=None,
    responses={**answered(ProblemExplained, examples.PROBLEM_EXPLAINED), **told(InvalidRequest, UnknownProblem)},
)
async def explain_problem(
    code: Annotated[str, Path(pattern="^[a-z_]{1,64}$", description="The `code` of a problem.")],
) -> Response:
    """Explain one of the closed list of problem codes."""
    problem = _BY_CODE.get(code)
    if problem is None:
        raise UnknownProblem(f"Expected one of {', '.join(CODES)}, got {code!r}.")
    answer: ProblemExplained = {
        "code": problem.code,
        "status": problem.status,
        "title": problem.title,
        "advice": problem.advice,
    }
    return Response(_ANSWER.dump_json(answer), media_type="application/json")
