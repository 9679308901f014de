"""Arithmetic with a written running state: each line is the expression of the line before with one operation done."""
