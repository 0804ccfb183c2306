"""Where an order's goods come from: what each place could do, what that costs, which plan is best (docs/routing.md).

Pure and in integers: the same question gives the same answer on every machine and in every year (G12). Amounts are in
thousandths of the currency's minor unit, so that rates per kilogram and per tonne-kilometre are not rounded away.
"""
