"""A retriever's stages: from wire JSON to the stored form, from the stored form to a recipe to run.

`forms` and `shape` bring any shape to the stored one, `searching` and `filtering` know the
parameters of the two stages that find documents, `compile` makes the recipe, `merge` is PATCH.
"""

from desireline.core.recipe.compile import (
    PARAMETERS,
    AnyStage,
    LaterStage,
    Recipe,
    compile_stages,
    later_parameters,
)
from desireline.core.recipe.filtering import FilterStage
from desireline.core.recipe.forms import Registered
from desireline.core.recipe.merge import merge, with_defaults
from desireline.core.recipe.searching import SearchStage
from desireline.core.recipe.shape import normalise

__all__ = [
    "PARAMETERS", "AnyStage", "FilterStage", "LaterStage", "Recipe", "Registered",
    "SearchStage", "compile_stages", "later_parameters", "merge", "normalise", "with_defaults",
]  # fmt: skip
