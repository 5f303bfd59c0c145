"""The database behind `strongroom up` without a configuration."""

from console.demo.account import DemoError as DemoError
from console.demo.plan import DemoPlan as DemoPlan
from console.demo.plan import prepare as prepare
