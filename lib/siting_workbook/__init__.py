"""The cost chapter as a workbook with live formulas, a file of every report: cash-flows.xlsx.

It may import `siting`, which finds it by an entry point and knows nothing of it.
"""
