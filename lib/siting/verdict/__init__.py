"""From all chapters to a recommendation: quality, ranking, flip points, plan."""
