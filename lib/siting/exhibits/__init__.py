"""Exhibits: the tables and charts of a report, one module a chapter.

An exhibit shows one result and carries its caption, its alternative text and its sources, so that
it can stand in HTML, PDF and JupyterLab alike. `style` holds every colour and font.
"""
