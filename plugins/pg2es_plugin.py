"""Where this folder is Airflow's plugins folder and pg2es is not installed, its plugin is found here."""

from pg2es_airflow.plugin import Pg2esPlugin

__all__ = ["Pg2esPlugin"]
