"""The dose report: page, tables and sentences."""
