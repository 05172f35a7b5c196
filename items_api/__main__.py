from items_api.cli import main

main()
